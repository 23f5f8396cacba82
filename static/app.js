// Everything on the pages works without a script; this adds comfort where one runs.

// The browser's time zone, for people who have chosen none: the server reads it from a cookie.
const zone = encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone ?? "");
const secure = location.protocol === "https:" ? "; secure" : "";
document.cookie = `tz=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;

// On a narrow screen the current tab may be out of sight.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// A long dropdown gets a field above it that narrows its options; the chosen one always stays.
for (const select of document.querySelectorAll("select[data-filter]")) {
  const options = [...select.options];
  if (options.length <= 10) continue;
  const label = select.labels[0].textContent.trim();
  const input = document.createElement("input");
  Object.assign(input, { type: "search", className: "form-control narrow-by", placeholder: "Type to filter", autocomplete: "off" });
  input.setAttribute("aria-label", `Filter the options of ${label}`);
  const status = document.createElement("div");
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  select.before(input, status);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    const found = options.filter((option) => words.every((word) => option.text.toLowerCase().includes(word)));
    const chosen = select.selectedOptions[0];
    select.replaceChildren(...options.filter((option) => option === chosen || found.includes(option)));
    status.textContent = `${found.length} ${found.length === 1 ? "option" : "options"}`;
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // Enter would save the form.
    select.focus();
  });
}

// What typed settings mean is shown as one types: the server renders the page for them and saves nothing.
const previewing = document.querySelector("button[name=preview]");
if (previewing) {
  const status = document.createElement("div");
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  previewing.hidden = true;
  let typed = 0; // Answers to what was typed before come too late.
  let isUnfolded = false;
  for (const input of previewing.form.querySelectorAll("input[inputmode=numeric]")) {
    input.addEventListener("input", async () => {
      const mine = ++typed;
      previewing.after(status);
      const parts = document.querySelectorAll("[data-preview]");
      for (const part of parts) part.setAttribute("aria-busy", "true");
      await new Promise((resolve) => setTimeout(resolve, 300));
      if (mine !== typed) return;
      const body = new FormData(previewing.form);
      body.append(previewing.name, previewing.value);
      const page = await fetch(previewing.form.action, { method: "POST", body }).then((answer) => answer.text(), () => "");
      if (mine !== typed) return;
      const answer = new DOMParser().parseFromString(page, "text/html");
      for (const part of parts) {
        const fresh = answer.getElementById(part.id);
        previewing.hidden &&= fresh !== null; // Signed out or not reached: pressing the button tells why.
        if (!fresh) continue;
        isUnfolded = part.querySelector("details")?.open ?? isUnfolded;
        part.replaceChildren(...fresh.childNodes);
        part.querySelector("details")?.toggleAttribute("open", isUnfolded);
        part.removeAttribute("aria-busy");
      }
      status.textContent = document.querySelector("#meaning p").textContent;
    });
  }
}

// Copy buttons are hidden until there is a script to serve them.
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

// A live part of a page is fetched again until the server no longer marks it as such.
for (const part of document.querySelectorAll("[data-live]")) follow(part);

async function follow(part) {
  while (part.hasAttribute("data-live")) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const page = await fetch(location.pathname).then((response) => response.text(), () => null);
    if (page === null) continue; // The server can't be reached at the moment.
    const fresh = new DOMParser().parseFromString(page, "text/html").getElementById(part.id);
    if (!fresh) return; // Signed out, for instance.
    if (fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
    part.toggleAttribute("data-live", fresh.hasAttribute("data-live"));
  }
}

// A countdown starts from the seconds that the server gives, so that a wrong clock on this side doesn't matter.
for (const countdown of document.querySelectorAll("[data-seconds-left]")) {
  const end = performance.now() + countdown.dataset.secondsLeft * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    const seconds = String(left % 60).padStart(2, "0");
    countdown.textContent = left ? `(${Math.floor(left / 60)}:${seconds} left)` : "(expired)";
    if (left) setTimeout(tick, 250);
  };
  tick();
}

// Choosing a preset ticks its permissions at once; ticking one by hand lets go of the preset, for the choice
// that takes what is ticked: the empty one, or the one that data-by-hand names.
const preset = document.querySelector("select#preset");
if (preset) {
  const boxes = document.querySelectorAll("input[name=codes]");
  preset.addEventListener("change", () => {
    const chosen = document.querySelector(`[data-preset="${preset.value}"]`);
    if (chosen) for (const box of boxes) box.checked = chosen.value.split(" ").includes(box.value);
  });
  for (const box of boxes) box.addEventListener("change", () => (preset.value = preset.dataset.byHand || ""));
}
