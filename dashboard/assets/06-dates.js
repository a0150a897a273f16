// Names of months and days for the date pickers, in the form of dayjs; English is built in.
window.dayjs_locale_id = {
  name: "id",
  months: "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split(" "),
  monthsShort: "Jan Feb Mar Apr Mei Jun Jul Agu Sep Okt Nov Des".split(" "),
  weekdays: "Minggu Senin Selasa Rabu Kamis Jumat Sabtu".split(" "),
  weekdaysShort: "Min Sen Sel Rab Kam Jum Sab".split(" "),
  weekdaysMin: "Mg Sn Sl Rb Km Jm Sb".split(" "),
  weekStart: 1,
  formats: { LT: "HH.mm", L: "DD/MM/YYYY", LL: "D MMMM YYYY" },
  ordinal: (number) => `${number}.`,
};
