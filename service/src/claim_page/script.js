"use strict";
// Who waits for a code need not press the button again.
const again = document.querySelector("form[data-again]");
if (again) {
  setTimeout(() => again.submit(), 5000);
}
// Copy buttons show up only where they can work.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const said = button.parentElement.querySelector("[role=status]");
    button.hidden = false;
    button.addEventListener("click", async () => {
      said.textContent = "";
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        said.textContent = button.dataset.copied;
      } catch {
        said.textContent = button.dataset.failed;
      }
    });
  }
}
