// The readings under the pointer, the same instant in all pictures. The page is whole without it.
(() => {
  const data = JSON.parse(document.getElementById("points").textContent);
  const [left, right, width] = data.plot;
  const figures = [...document.querySelectorAll("figure[data-series]")].map((figure) => {
    const svg = figure.querySelector("svg");
    const cross = document.createElementNS(svg.namespaceURI, "line");
    cross.setAttribute("class", "cross");
    cross.setAttribute("y1", 32);
    cross.setAttribute("y2", svg.viewBox.baseVal.height - 88);
    svg.append(cross);
    const reading = figure.querySelector("[data-reading]");
    return { svg, cross, reading, rest: reading.innerHTML, series: figure.dataset.series.split(" ") };
  });
  const [first, last] = data.span;
  const short = last - first < 172800000;
  const text = (ms) => new Date(ms).toISOString();
  // Midnight is the end of the day before.
  const time = (ms) => ms % 86400000 === 0
    ? text(ms - 1).slice(0, 10)
    : text(ms).slice(0, short ? 23 : 16).replace("T", " ");
  const nearest = (ms) => {
    let low = 0, high = data.time.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (data.time[middle] < ms) low = middle; else high = middle;
    }
    return ms - data.time[low] < data.time[high] - ms ? low : high;
  };
  const write = (name, value) => value === null ? "–" : name === "drawdown"
    ? (value * 100).toFixed(2) + "%"
    : value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: name.startsWith("price") ? 9 : 2 });
  const show = (at) => {
    const x = left + (right - left) * (data.time[at] - first) / Math.max(last - first, 1);
    for (const { cross, reading, series } of figures) {
      cross.setAttribute("x1", x);
      cross.setAttribute("x2", x);
      cross.style.visibility = "visible";
      const values = series.map((name) => `${data.names[name]} <b>${write(name, data.values[name][at])}</b>`);
      reading.innerHTML = `${time(data.time[at])} &nbsp; ${values.join(" &nbsp; ")}`;
    }
  };
  const hide = () => figures.forEach(({ cross, reading, rest }) => {
    cross.style.visibility = "hidden";
    reading.innerHTML = rest;
  });
  for (const { svg } of figures) {
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const share = ((event.clientX - box.left) / box.width * width - left) / (right - left);
      if (data.time.length) show(nearest(first + share * (last - first)));
    });
    svg.addEventListener("pointerleave", hide);
  }
})();
