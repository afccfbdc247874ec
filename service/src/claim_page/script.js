// Who waits for a code need not press the button again.
const again = document.querySelector("form[data-again]");
if (again) {
  setTimeout(() => again.submit(), 5000);
}
