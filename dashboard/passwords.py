"""Passwords that are long enough and that everybody tries first, in English and Indonesian.

As they are without case, spaces and signs; those of fewer than five different characters are
refused without being here.
"""

COMMON = frozenset(
    """
    012345678901 0123456789012 098765432109 102030405060 111222333444 111122223333 112233445566
    123456123456 123456654321 123456789012 1234567890123 12345678901234 123456789012345
    12345678901234567890 147258369147 987654321012 9876543210123
    1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx3edc 1qaz2wsx3edc4rfv 123456qwerty 12345qwerty12345
    123qweasdzxc a123456789012 a1b2c3d4e5f6 aa1234567890 ab1234567890 abc123456789 abcd12345678
    abcdefgh1234 abcdefgh12345678 abcdefghijkl abcdefghijklmnop adminadminadmin admin1234567
    admin12345678 administrator administrator1 administrator123 asdfghjkl123 asdfghjklqwerty
    asdfghjkl1234 bismillah123 bismillah1234 bismillah12345 bismillahirrahmanirrahim
    changeme1234 changemechangeme correcthorsebatterystaple dashboard123 dashboard1234
    defaultpassword football1234 iloveyou1234 iloveyou12345 iloveyouforever iloveyousomuch
    indonesia123 indonesia1234 indonesia1945 indonesiamerdeka indonesiaraya jakarta12345
    katasandi123 katasandikatasandi letmein12345 letmeinletmein masukmasukmasuk merdeka17845
    nkdashnkdash nkdashpassword odoo12345678 p4ssw0rd1234 p4ssword1234
    pa55word1234 passw0rd1234 passw0rd12345 password1234 password12345 password123456
    password1234567 password12345678 password123456789 password1234567890 password2024
    password2025 password2026 passwordpassword princess1234 q1w2e3r4t5y6 qazwsxedcrfv
    qweasdzxc123 qwerty123456 qwerty1234567 qwerty12345678 qwerty123456789 qwertyqwerty
    qwertyuiop12 qwertyuiop123 qwertyuiop1234 qwertyuiopas qwertyuiopasdfghjkl
    qwertyuiopasdfghjklzxcvbnm rahasia12345 rahasia123456 rahasiarahasia sayang123456
    sayangku1234 sayangsayang sayasayangkamu selamatdatang selamatpagi123 semangat1234
    sunshine1234 supersecret123 supervisor123 terserah1234 thisismypassword tokosaya1234
    trustno1trustno1 welcome12345 welcome123456 welcomewelcome zaq12wsxcde3 zxcvbnm12345
    zxcvbnmasdfghjkl
    """.split()
)
