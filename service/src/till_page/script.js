// Keys: 1 to 9 pick an offer, Escape goes back or calls off. Enter is the browser's own.
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "Escape") {
    const way = document.querySelector("[data-escape]");
    if (!way) return;
    event.preventDefault();
    if (way instanceof HTMLFormElement) way.requestSubmit();
    else way.click();
    return;
  }
  if (event.target instanceof HTMLInputElement || !/^[1-9]$/.test(event.key)) return;
  document.querySelector(`[data-key="${event.key}"]`)?.click();
});

// Whoever presses twice has pressed once.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// The keypad types into its field, which then needs no keyboard of the device.
for (const pad of document.querySelectorAll("[data-keypad]")) {
  const field = document.getElementById(pad.dataset.keypad);
  pad.hidden = false;
  if (matchMedia("(pointer: coarse)").matches) field.inputMode = "none";
  pad.addEventListener("click", (event) => {
    const key = event.target.closest("[data-type]");
    if (!key) return;
    field.value = key.dataset.type ? field.value + key.dataset.type : field.value.slice(0, -1);
  });
}

// The countdown, by a clock that nobody sets. What can no longer be paid is taken away.
const left = document.querySelector("[data-left]");
if (left) {
  const ends = performance.now() + Number(left.dataset.left);
  const tick = setInterval(() => {
    const seconds = Math.ceil((ends - performance.now()) / 1000);
    if (seconds <= 0) {
      clearInterval(tick);
      document.querySelector("[data-payable]")?.remove();
      location.reload();
      return;
    }
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }, 250);
}

// Who waits for a code need not press the button again.
const again = document.querySelector("form[data-again]");
if (again) setTimeout(() => again.requestSubmit(), 4000);

// Waits until there is something new. When the till does not answer, it says so, and goes on after.
const waits = document.querySelector("[data-wait]");
const typed = () => [...document.querySelectorAll("input:not([type=hidden])")].some((field) => field.value !== field.defaultValue);
const pause = (time) => new Promise((go) => setTimeout(go, time));
async function wait(address) {
  const gone = document.querySelector("[data-gone]");
  for (;;) {
    let answer = "";
    try {
      const response = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(40000) });
      if (response.status === 401) answer = "new";
      else if (response.ok) answer = await response.text();
    } catch {
      // It is asked again.
    }
    if (gone) gone.hidden = answer !== "";
    // What somebody is typing is not taken away.
    if (answer === "new" && !typed()) return location.reload();
    if (answer !== "same") await pause(2000);
  }
}
if (waits) wait(waits.dataset.wait);
