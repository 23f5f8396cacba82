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

// Choosing a preset ticks its permissions at once; ticking one by hand lets go of the preset.
const preset = document.querySelector("select#preset");
if (preset) {
  const boxes = document.querySelectorAll("input[name=codes]");
  preset.addEventListener("change", () => {
    const chosen = document.querySelector(`[data-preset="${preset.value}"]`);
    if (chosen) for (const box of boxes) box.checked = chosen.value.split(" ").includes(box.value);
  });
  for (const box of boxes) box.addEventListener("change", () => (preset.value = ""));
}
