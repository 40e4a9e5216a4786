/* The stock ticker page: quotes arrive as calls, and nobody asks for them. */
(function ($, heliostat) {
  "use strict";

  const POINTS = 60;
  const SVG = "http://www.w3.org/2000/svg";
  const part = (name) => document.querySelector(`[data-${name}]`);
  const connection = $.hubConnection();
  const ticker = connection.createHubProxy("stockTickerHub");
  const rows = new Map();

  ticker.on("updateStockPrice", show);
  ticker.on("marketOpened", () => market("open"));
  ticker.on("marketClosed", () => market("closed"));
  ticker.on("marketReset", load);

  function load() {
    call("getMarketState").done((state) => market(state.toLowerCase()));
    call("getAllStocks").done((stocks) => {
      rows.clear();
      part("stocks").replaceChildren();
      stocks.forEach(show);
    });
  }

  function call(name) {
    heliostat.complain(part("error"), null);
    return ticker.invoke(name).fail((error) => heliostat.complain(part("error"), error));
  }

  function market(state) {
    part("market").textContent = state;
    document.querySelector('[data-call="openMarket"]').disabled = state === "open";
    document.querySelector('[data-call="closeMarket"]').disabled = state !== "open";
    document.querySelector('[data-call="reset"]').disabled = state === "open";
  }

  function row(symbol) {
    const element = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = symbol;
    const cells = Array.from({ length: 5 }, () => {
      const cell = document.createElement("td");
      cell.className = "number";
      return cell;
    });
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "spark");
    svg.setAttribute("viewBox", `0 0 ${POINTS} 20`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(SVG, "polyline");
    svg.append(line);
    const course = document.createElement("td");
    course.className = "course";
    course.append(svg);
    element.append(head, ...cells, course);
    part("stocks").append(element);
    return { element, cells, line, prices: [] };
  }

  function show(stock) {
    const fresh = !rows.has(stock.symbol);
    if (fresh) {
      rows.set(stock.symbol, row(stock.symbol));
    }
    const { element, cells, line, prices } = rows.get(stock.symbol);
    const day = (stock.price / stock.dayOpen - 1) * 100;
    const texts = [
      stock.price.toFixed(2), signed(stock.lastChange, 2), `${signed(day, 2)} %`,
      stock.dayLow.toFixed(2), stock.dayHigh.toFixed(2),
    ];
    texts.forEach((text, index) => { cells[index].textContent = text; });
    colour(cells[1], stock.lastChange);
    colour(cells[2], day);
    prices.push(stock.price);
    if (prices.length > POINTS) {
      prices.shift();
    }
    line.setAttribute("points", points(prices));
    if (!fresh) {
      element.classList.remove("changed");
      void element.offsetWidth; // Lets the animation begin anew.
      element.classList.add("changed");
    }
  }

  function signed(value, digits) {
    const text = Math.abs(value).toFixed(digits);
    if (Number(text) === 0) {
      return text;
    }
    return value > 0 ? `+${text}` : `−${text}`;
  }

  function colour(cell, value) {
    cell.className = value > 0 ? "number up" : value < 0 ? "number down" : "number";
  }

  function points(prices) {
    const low = Math.min(...prices);
    const span = Math.max(...prices) - low || 1;
    const first = POINTS - prices.length; // The newest is always at the right.
    return prices.map((price, index) => `${first + index},${(18 - 16 * (price - low) / span).toFixed(1)}`).join(" ");
  }

  for (const button of document.querySelectorAll("[data-call]")) {
    button.addEventListener("click", () => call(button.dataset.call));
  }

  heliostat.keep(connection, load);
}(window.jQuery, window.heliostat));
