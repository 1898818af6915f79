// Draws the charts of a sensor's page and renews them and their tables each
// minute. ES2017 at most; what is drawn is in the tables too.
(function () {
  'use strict';
  var RENEW = 60000, HOUR = 3600;
  var body = document.body, zone = +body.dataset.zone * 60;
  var box = document.getElementById('charts'), drawn = [];

  function two(n) { return (n < 10 ? '0' : '') + n; }
  // The gateway's own time, wherever the reader is.
  function clock(s) { var d = new Date((s + zone) * 1000); return two(d.getUTCHours()) + ':' + two(d.getUTCMinutes()); }
  // How long ago, where the gateway's clock shows nothing.
  function ago(s) {
    var step = s >= 172800 ? 3 : s >= 3600 ? 2 : s >= 60 ? 1 : 0;
    return body.dataset.ago.split('|')[step].replace('{n}', Math.floor(Math.max(s, 0) / [1, 60, 3600, 86400][step]));
  }
  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim(); }
  function tone(level) { return level === 'orange' || level === 'red' ? 'danger' : 'warn'; }

  function get(address, then) {
    var request = new XMLHttpRequest();
    request.open('GET', address);
    request.timeout = 10000;
    request.onload = function () { if (request.status === 200) then(request.responseText); };
    request.send();
  }

  function height() { return window.innerWidth < 600 ? 230 : 300; }

  // Whole hours of the gateway's time, as many as there is room for.
  function hours(u, axis, from, to) {
    var room = u.bbox.width / devicePixelRatio, step = HOUR * (room < 420 ? 6 : room < 700 ? 4 : 2), out = [];
    if (body.dataset.unset) {
      for (var back = to - step; back >= from; back -= step) out.unshift(back);
      return out;
    }
    for (var at = Math.ceil((from + zone) / step) * step - zone; at <= to; at += step) out.push(at);
    return out;
  }

  function options(section, data) {
    var words = section.dataset.active ? [section.dataset.rest, section.dataset.active] : null;
    var digits = +section.dataset.digits, unit = words || data.unit === '/' || data.unit === 'count' ? '' : ' ' + data.unit;
    var readout = section.querySelector('.readout');
    var font = '12px ' + getComputedStyle(body).fontFamily;
    function when(s) { return body.dataset.unset ? ago(data.now / 1000 - s) : clock(s); }
    function say(v) { return v == null ? '—' : words ? words[v ? 1 : 0] : v.toFixed(digits) + unit; }
    function range(u, low, high) {
      if (words) return [-0.15, 1.25];
      data.thresholds.forEach(function (t) {
        low = low == null ? t.value : Math.min(low, t.value);
        high = high == null ? t.value : Math.max(high, t.value);
      });
      if (low == null) return [0, 1];
      var pad = (high - low || 1) * 0.1;
      return [low >= 0 ? Math.max(0, low - pad) : low - pad, high + pad];
    }
    function blanks(u) {
      u.ctx.save();
      u.ctx.fillStyle = colour('line');
      data.gaps.forEach(function (g) {
        var a = Math.max(u.valToPos(g.from / 1000, 'x', true), u.bbox.left);
        var b = Math.min(u.valToPos(g.to / 1000, 'x', true), u.bbox.left + u.bbox.width);
        if (b > a) u.ctx.fillRect(a, u.bbox.top, Math.max(b - a, 1), u.bbox.height);
      });
      u.ctx.restore();
    }
    function levels(u) {
      var c = u.ctx, used = [];
      c.save();
      c.font = 12 * devicePixelRatio + 'px ' + getComputedStyle(body).fontFamily;
      c.textAlign = 'left';
      c.textBaseline = 'bottom';
      c.lineWidth = 1.5 * devicePixelRatio;
      c.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
      data.thresholds.forEach(function (t) {
        var y = u.valToPos(t.value, 'y', true), line = 14 * devicePixelRatio, text = y - 2 * devicePixelRatio;
        c.strokeStyle = c.fillStyle = colour(t.clears ? 'ok' : tone(t.level));
        c.beginPath();
        c.moveTo(u.bbox.left, y);
        c.lineTo(u.bbox.left + u.bbox.width, y);
        c.stroke();
        while (used.some(function (v) { return Math.abs(v - text) < line; })) text += line;
        used.push(text);
        c.fillText(t.name[body.dataset.lang], u.bbox.left + 6 * devicePixelRatio, text);
      });
      c.restore();
    }
    function point(u) {
      var i = u.cursor.idx, text = '';
      if (i != null && u.cursor.left >= 0) {
        var at = u.posToVal(u.cursor.left, 'x') * 1000;
        var gap = data.gaps.filter(function (g) { return at >= g.from && at < g.to; })[0];
        text = gap ? when(at / 1000) + '  ' + gap.text[body.dataset.lang] : when(u.data[0][i]) + '  ' + say(u.data[1][i]);
        if (!gap && !words && u.data[2][i] !== u.data[3][i]) text += '  (' + say(u.data[2][i]) + ' – ' + say(u.data[3][i]) + ')';
      }
      readout.textContent = text;
    }
    var line = { stroke: colour('info'), width: 2, points: { show: false } };
    if (words) line.paths = uPlot.paths.stepped({ align: 1 });
    var bare = { points: { show: false } };
    return {
      width: section.querySelector('.plot').clientWidth, height: height(),
      padding: [10, 8, 0, 0], legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: true } },
      scales: {
        x: { time: false, range: function () { return [data.from / 1000, data.now / 1000]; } },
        y: { range: range }
      },
      series: [{}, line, bare, bare],
      bands: words ? [] : [{ series: [3, 2], fill: colour('info') + '33' }],
      axes: [
        { stroke: colour('soft'), font: font, size: 30, grid: { stroke: colour('line'), width: 1 }, ticks: { stroke: colour('line') },
          splits: hours, values: function (u, at) { return at.map(when); } },
        { stroke: colour('soft'), font: font, grid: { stroke: colour('line'), width: 1 }, ticks: { show: false },
          size: function (u, list) { return 12 + 8 * Math.max.apply(null, (list || ['']).map(function (s) { return s.replace(/[^\x00-\xff]/g, 'xx').length; })); },
          splits: words ? function () { return [0, 1]; } : undefined,
          values: function (u, list) { return list.map(function (v) { return words ? words[v ? 1 : 0] : String(+v.toFixed(6)); }); } }
      ],
      hooks: { drawClear: [blanks], draw: [levels], setCursor: [point] }
    };
  }

  function draw(index, section) {
    get(section.dataset.source, function (text) {
      var data = JSON.parse(text);
      if (!data.times.length) return;
      var plot = section.querySelector('.plot'), chart = drawn[index];
      if (chart) chart.destroy();
      while (plot.firstChild) plot.removeChild(plot.firstChild);
      var seconds = data.times.map(function (ms) { return ms / 1000; });
      chart = drawn[index] = new uPlot(options(section, data), [seconds, data.last, data.min, data.max], plot);
      var canvas = plot.querySelector('canvas');
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', plot.dataset.label);
      section.classList.add('drawn');
    });
  }

  function each(then) { Array.prototype.forEach.call(box.querySelectorAll('.chart'), function (s, i) { then(i, s); }); }

  // Tables and words come from the gateway, as the page itself did.
  function renew() {
    if (document.hidden) return;
    get(location.pathname + '?lang=' + body.dataset.lang, function (html) {
      var fresh = new DOMParser().parseFromString(html, 'text/html').querySelectorAll('.chart');
      each(function (i, section) {
        if (!fresh[i]) return;
        section.querySelector('.plot').dataset.label = fresh[i].querySelector('.plot').dataset.label;
        var old = section.querySelector('tbody');
        old.parentNode.replaceChild(document.importNode(fresh[i].querySelector('tbody'), true), old);
        draw(i, section);
      });
    });
  }

  each(draw);
  setInterval(renew, RENEW);
  document.addEventListener('visibilitychange', renew);
  window.addEventListener('resize', function () {
    each(function (i, section) {
      if (drawn[i]) drawn[i].setSize({ width: section.querySelector('.plot').clientWidth, height: height() });
    });
  });
})();
