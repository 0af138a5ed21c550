// @ts-nocheck: runs in the browser, whose types this project does not load.
'use strict';
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const checks = all('details.check');
  const chips = all('.chip');
  const form = document.querySelector('.filters');

  const filter = () => {
    const words = one('search').value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = chips
      .filter((chip) => chip.getAttribute('aria-pressed') === 'true')
      .map((chip) => chip.dataset.verdict);
    const { value: system } = one('system');
    const { value: level } = one('level');
    const { value: tag } = one('tag');
    const { value: need } = one('capability');
    let shown = 0;
    for (const check of checks) {
      const data = check.dataset;
      const own = data.verdicts.split(' ');
      const fits =
        words.every((word) => data.search.includes(word)) &&
        (verdicts.length === 0 || verdicts.some((verdict) => own.includes(verdict))) &&
        (system === '' || data.system === system) &&
        (level === '' || data.level === level) &&
        (tag === '' || JSON.parse(data.tags).includes(tag)) &&
        (need === '' || JSON.parse(data.needs).includes(need));
      check.hidden = !fits;
      if (fits) shown += 1;
    }
    one('count').textContent = `${shown} of ${checks.length} checks`;
    one('none').hidden = shown > 0;
  };

  form.addEventListener('input', filter);
  form.addEventListener('submit', (event) => event.preventDefault());
  const clear = () => {
    form.reset();
    for (const chip of chips) chip.setAttribute('aria-pressed', 'false');
    filter();
  };
  one('clear').addEventListener('click', clear);
  for (const chip of chips) {
    chip.addEventListener('click', () => {
      chip.setAttribute('aria-pressed', String(chip.getAttribute('aria-pressed') !== 'true'));
      filter();
    });
  }

  const matrices = all('.matrix');
  const choose = (by) => {
    for (const button of all('[data-matrix]'))
      button.setAttribute('aria-pressed', String(button.dataset.matrix === by));
    for (const matrix of matrices) matrix.hidden = matrix.dataset.by !== by;
  };
  for (const button of all('[data-matrix]')) button.addEventListener('click', () => choose(button.dataset.matrix));
  if (matrices[0]) choose(matrices[0].dataset.by);
  for (const cell of all('button.cell')) {
    cell.addEventListener('click', () => {
      clear();
      one('system').value = cell.dataset.system;
      one(cell.dataset.by).value = cell.dataset.value;
      filter();
      one('checks').scrollIntoView();
      one('checks').focus({ preventScroll: true });
    });
  }

  const expand = one('expand');
  expand.addEventListener('click', () => {
    const open = checks.some((check) => !check.hidden && !check.open);
    for (const check of checks) if (!check.hidden) check.open = open;
    expand.textContent = open ? 'Close all' : 'Open all';
  });

  const fallbackCopy = (text) => {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done ? Promise.resolve() : Promise.reject(new Error('copy refused'));
  };
  for (const button of all('button.copy')) {
    button.addEventListener('click', () => {
      const text = button.dataset.copy;
      const copied = navigator.clipboard
        ? navigator.clipboard.writeText(text).catch(() => fallbackCopy(text))
        : fallbackCopy(text);
      copied.then(
        () => (button.textContent = 'Copied'),
        () => (button.textContent = 'Select by hand'),
      );
    });
    button.addEventListener('blur', () => (button.textContent = 'Copy'));
  }

  const follow = () => {
    const target = location.hash && one(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.matches('details.check')) return;
    if (target.hidden) clear();
    target.open = true;
    target.scrollIntoView();
  };
  addEventListener('hashchange', follow);
  follow();

  addEventListener('beforeprint', () => {
    for (const fold of all('details')) {
      fold.dataset.was = String(fold.open);
      fold.open = true;
    }
  });
  addEventListener('afterprint', () => {
    for (const fold of all('details')) fold.open = fold.dataset.was === 'true';
  });
})();
