// Keeps the page current: server-sent events, else polling. ES2017 at most.
(function () {
  'use strict';
  var SILENT = 15000, LOST = 20000, POLL = 15000, RETRY = 60000;
  var body = document.body, view = document.getElementById('view');
  var address = '?lang=' + body.dataset.lang + body.dataset.query;
  var forms = { ago: body.dataset.ago.split('|'), for: body.dataset.for.split('|') };
  var seen = {}, source = null, failures = 0, polling = 0, retrying = 0, fetching = false;
  var ahead = 0;      // gateway's clock minus this device's
  var heard = Date.now();
  var shownAt = '', said = '';

  function words(form, ms) {
    var s = Math.max(0, Math.floor(ms / 1000)), n = s, step = 0;
    if (s >= 172800) { n = Math.floor(s / 86400); step = 3; }
    else if (s >= 3600) { n = Math.floor(s / 3600); step = 2; }
    else if (s >= 60) { n = Math.floor(s / 60); step = 1; }
    return forms[form][step].replace('{n}', n);
  }

  function tick() {
    var now = Date.now() + ahead, i, list = view.querySelectorAll('time[data-at]');
    for (i = 0; i < list.length; i++) {
      if (body.className && list[i].dataset.form === 'for') continue; // nobody knows whether it still is so
      var text = words(list[i].dataset.form, now - list[i].dataset.at);
      if (list[i].textContent !== text) list[i].textContent = text;
    }
    list = view.querySelectorAll('[data-stale-at]');
    for (i = 0; i < list.length; i++) if (now > +list[i].dataset.staleAt) goStale(list[i]);
    if (Date.now() - heard > LOST) lose();
    if (Date.now() - heard > SILENT && source) { drop(); connect(); }
  }

  // The gateway says so too; this is for when it cannot.
  function goStale(row) {
    row.removeAttribute('data-stale-at');
    row.className = 'row sensor stale';
    row.querySelector('.word').textContent = body.dataset.stale;
    row.replaceChild(document.querySelector('#lost .i').cloneNode(true), row.querySelector('.i'));
  }

  function lose() {
    if (body.className === 'gone') return;
    body.className = 'gone';
    document.getElementById('lost-at').textContent = shownAt || words('ago', Date.now() - heard);
    document.getElementById('lost').hidden = false;
    document.getElementById('pulse').hidden = true;
    document.title = '◔ ' + document.querySelector('#lost span').textContent;
    var rows = view.querySelectorAll('.row.sensor:not(.stale)');
    for (var i = 0; i < rows.length; i++) goStale(rows[i]);
    seen = {}; // whatever comes next is shown, were it the same
  }

  function found() {
    heard = Date.now();
    if (body.className) { body.className = ''; document.getElementById('lost').hidden = true; }
    document.getElementById('pulse').hidden = false;
  }

  function still(html) { return html.replace(/<time[^>]*data-at[^>]*>[^<]*<\/time>/g, ''); }

  function parts(root, each) {
    var list = root.querySelectorAll('[data-part]');
    for (var i = 0; i < list.length; i++) each(list[i].dataset.part, list[i]);
  }

  function note(root) {
    var meta = root.querySelector('[data-now]');
    ahead = +meta.dataset.now - Date.now();
    shownAt = meta.dataset.clock;
    document.title = meta.dataset.title;
    if (said && said !== meta.dataset.say) document.getElementById('announce').textContent = meta.dataset.say;
    said = meta.dataset.say;
  }

  function show(html) {
    var fresh = new DOMParser().parseFromString(html, 'text/html');
    if (!fresh.querySelector('[data-now]')) return;
    note(fresh);
    parts(fresh, function (name, part) {
      var text = part.outerHTML, old = view.querySelector('[data-part="' + name + '"]');
      // Only what changed is replaced, so that a selection or a scroll survives;
      // ages are moved on in place.
      if (seen[name] === still(text)) {
        var a = old.querySelectorAll('time[data-at]'), b = part.querySelectorAll('time[data-at]');
        for (var i = 0; i < a.length && i < b.length; i++) a[i].dataset.at = b[i].dataset.at;
        return;
      }
      seen[name] = still(text);
      old.parentNode.replaceChild(document.importNode(part, true), old);
    });
    found();
    tick();
  }

  function poll() {
    if (fetching) return;
    fetching = true;
    var request = new XMLHttpRequest();
    request.open('GET', '/fragment' + address);
    request.timeout = 10000;
    request.onload = function () { if (request.status === 200) show(request.responseText); };
    request.onerror = lose;
    request.onloadend = function () { fetching = false; };
    request.send();
  }

  function drop() { if (source) { source.close(); source = null; } }

  function connect() {
    drop();
    if (!window.EventSource) return fallBack();
    source = new EventSource('/events' + address);
    source.addEventListener('view', function (e) { failures = 0; clearInterval(polling); polling = 0; show(e.data); });
    source.addEventListener('ping', found);
    source.onerror = function () {
      failures++;
      if (failures > 1 && source.readyState === 0) lose(); // not even a second try was answered
      if (failures >= 3 || source.readyState === 2) { drop(); fallBack(); }
    };
  }

  function fallBack() {
    if (!polling) { polling = setInterval(poll, POLL); poll(); }
    clearTimeout(retrying);
    if (window.EventSource) retrying = setTimeout(connect, RETRY);
  }

  // Phones drop streams of pages in the background, and may not say so.
  document.addEventListener('visibilitychange', function () { if (!document.hidden) { failures = 0; connect(); } });
  window.addEventListener('pageshow', function (e) { if (e.persisted) connect(); });
  window.addEventListener('pagehide', drop);

  note(document);
  parts(document, function (name, part) { seen[name] = still(part.outerHTML); });
  setInterval(tick, 1000);
  connect();
})();
