"use strict";
(() => {
  const table = document.getElementById("students"), body = table.tBodies[0], rows = [...body.rows];
  const text = (row, i) => row.cells[i].textContent;
  const label = document.createElement("label"), input = document.createElement("input");
  const shown = document.createElement("span");
  label.textContent = "Show those whose name holds ";
  input.type = "search";
  shown.setAttribute("role", "status");
  label.append(input);
  document.getElementById("controls").append(label, " ", shown);
  input.addEventListener("input", () => {
    const wanted = input.value.normalize("NFC").toLowerCase();
    let left = 0;
    for (const row of rows) {
      row.hidden = !text(row, 0).normalize("NFC").toLowerCase().includes(wanted);
      left += !row.hidden;
    }
    shown.textContent = wanted ? `${left} of ${rows.length}` : "";
  });
  const worth = (row, i) => {
    const number = parseFloat(text(row, i));
    return Number.isNaN(number) ? -1 : number;
  };
  [...table.tHead.rows[0].cells].forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const first = i === 0 ? "ascending" : "descending", second = i === 0 ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? second : first;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      rows.sort((a, b) => sign * (i === 0 ? text(a, 0).localeCompare(text(b, 0)) : worth(a, i) - worth(b, i)));
      body.append(...rows);
    });
  });
})();
