// What a report does in the browser: tables sort by their headers and show only the rows asked for.

for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  const original = [...body.rows];
  headers.forEach((header, column) => {
    header.querySelector('button').addEventListener('click', () => {
      const isNumber = header.classList.contains('n');
      // Numbers begin with the largest, words with the first; the third click undoes the sorting.
      const orders = isNumber ? ['descending', 'ascending'] : ['ascending', 'descending'];
      const order = orders[orders.indexOf(header.getAttribute('aria-sort')) + 1];
      for (const each of headers) each.removeAttribute('aria-sort');
      const rows = [...original];
      if (order !== undefined) {
        header.setAttribute('aria-sort', order);
        const sign = order === 'ascending' ? 1 : -1;
        rows.sort((a, b) => sign * compare(a.cells[column], b.cells[column], isNumber));
      }
      body.append(...rows);
    });
  });
}

function compare(a, b, isNumber) {
  if (isNumber) return Number(a.dataset.v) - Number(b.dataset.v);
  return a.textContent.localeCompare(b.textContent, 'en', { numeric: true });
}

for (const input of document.querySelectorAll('input[data-filter]')) {
  const table = document.getElementById(input.dataset.filter);
  const rows = [...table.tBodies[0].rows];
  const said = input.parentElement.querySelector('output');
  const sums = table.tFoot.insertRow();
  sums.hidden = true;
  input.parentElement.hidden = false;
  input.addEventListener('input', () => {
    const wanted = input.value.trim().toLowerCase();
    const shown = rows.filter((row) => {
      const [, path, operator] = row.cells;
      row.hidden = ![path, operator].some((c) => c.textContent.toLowerCase().includes(wanted));
      return !row.hidden;
    });
    sums.hidden = wanted === '';
    said.textContent = wanted === '' ? '' : `${shown.length} of ${rows.length} layers`;
    if (wanted !== '') sums.replaceChildren(...sumCells(table, shown));
  });
}

// The sums of what is shown and their shares, below the total; columns without a total have no sum.
function sumCells(table, shown) {
  return [...table.tFoot.rows[0].cells].map((total, column) => {
    const cell = document.createElement(total.tagName);
    cell.className = total.className;
    if (total.tagName === 'TH') {
      cell.scope = 'row';
      cell.textContent = 'Shown';
    } else if (total.classList.contains('n')) {
      const values = shown.map((row) => Math.max(0, Number(row.cells[column].dataset.v)));
      const sum = values.reduce((all, value) => all + value, 0);
      const share = document.createElement('small');
      share.textContent = sum === 0 ? '' : `${((100 * sum) / total.dataset.v).toFixed(1)}%`;
      cell.append(sum.toLocaleString('en-US'), share);
    }
    return cell;
  });
}
