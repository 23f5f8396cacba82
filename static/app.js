// Copy buttons are hidden until there is a script to serve them. Everything else on the pages works without one.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break; // Only offered by browsers on https and on localhost.
  const box = button.closest(".copyable");
  const status = box.querySelector(".copied");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(box.querySelector("code").textContent);
      status.textContent = "Copied";
    } catch {
      status.textContent = "Could not copy: select the text instead";
    }
    setTimeout(() => (status.textContent = ""), 4000);
  });
}
