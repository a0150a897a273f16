// Who is logged in: the menu, and a session that has ended, which 401 tells with words to show.
(function () {
  "use strict";
  const plain = window.fetch;
  let told = false;

  // Built by hand: the words are text, whatever they hold.
  function tell({ login, title, words, go }) {
    if (told) return;
    told = true;
    const dialog = document.createElement("dialog");
    dialog.className = "session-ended";
    dialog.setAttribute("aria-labelledby", "session-ended");
    const heading = document.createElement("h2");
    heading.id = "session-ended";
    heading.textContent = title;
    const said = document.createElement("p");
    said.textContent = words;
    const link = document.createElement("a");
    link.className = "button primary";
    link.textContent = go;
    link.href = login + "?next=" + encodeURIComponent(location.pathname + location.search);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      event.stopPropagation();
      location.assign(link.href);
    });
    dialog.append(heading, said, link);
    document.body.append(dialog);
    dialog.showModal();
    link.focus();
  }

  // The menu of who is logged in closes like any other.
  const close = () => document.querySelector(".reader-of[open]")?.removeAttribute("open");
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".reader-of")) close();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());

  window.fetch = async (...asked) => {
    const answer = await plain(...asked);
    if (answer.status !== 401) return answer;
    const body = await answer
      .clone()
      .json()
      .catch(() => ({}));
    if (!body.login) return answer;
    tell(body);
    // Who asked waits: the page stays as it is until its reader has logged in again.
    return new Promise(() => {});
  };
})();
