for (const button of document.querySelectorAll("button.copy")) {
  const lines = document.getElementById(button.dataset.of), told = button.nextElementSibling;
  button.hidden = false;
  button.addEventListener("click", async () => {
    let copied = true;
    try {
      await navigator.clipboard.writeText(lines.textContent);
    } catch {
      getSelection().selectAllChildren(lines);
      copied = document.execCommand("copy");
    }
    told.textContent = copied ? "Copied" : "Selected: press Ctrl+C";
    setTimeout(() => { told.textContent = ""; }, 4000);
  });
}
