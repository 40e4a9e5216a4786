/* The shape page: sends where the shape is dragged to, at most once per frame, and shows where others drag it. */
(function ($, heliostat) {
  "use strict";

  const STEP = 0.02;
  const FRAME = 40;
  const part = (name) => document.querySelector(`[data-${name}]`);
  const connection = $.hubConnection();
  const hub = connection.createHubProxy("moveShapeHub");
  const [canvas, shape] = [part("canvas"), part("shape")];
  const counts = { sent: 0, received: 0 };

  let place = { x: 0.5, y: 0.5 };
  let held = null; // Where in the shape it is held.
  let timer = null;

  hub.on("shapeMoved", (next) => {
    counts.received += 1;
    if (!held) {
      show(next);
    }
  });

  function show(next) {
    place = next;
    shape.style.left = `${place.x * 100}%`;
    shape.style.top = `${place.y * 100}%`;
    part("place").textContent = `${Math.round(place.x * 100)} % from the left, ${Math.round(place.y * 100)} % from the top`;
    part("counts").textContent = `${counts.sent} moves sent, ${counts.received} received`;
  }

  function moveTo(x, y) {
    show({ x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) });
    if (!timer) {
      timer = setTimeout(send, FRAME);
    }
  }

  function send() {
    timer = null;
    if (connection.state !== $.signalR.connectionState.connected) {
      return;
    }
    counts.sent += 1;
    hub.invoke("moveShape", place)
      .done(() => heliostat.complain(part("error"), null))
      .fail((error) => heliostat.complain(part("error"), error));
  }

  shape.addEventListener("pointerdown", (event) => {
    const box = shape.getBoundingClientRect();
    held = { x: event.clientX - (box.left + box.width / 2), y: event.clientY - (box.top + box.height / 2) };
    shape.setPointerCapture(event.pointerId);
    shape.classList.add("held");
  });
  shape.addEventListener("pointermove", (event) => {
    if (held) {
      const box = canvas.getBoundingClientRect();
      moveTo((event.clientX - held.x - box.left) / box.width, (event.clientY - held.y - box.top) / box.height);
    }
  });
  const letGo = () => {
    held = null;
    shape.classList.remove("held");
  };
  shape.addEventListener("pointerup", letGo);
  shape.addEventListener("pointercancel", letGo);
  shape.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const step = steps[event.key];
    if (step) {
      event.preventDefault();
      moveTo(place.x + step[0], place.y + step[1]);
    }
  });

  show(place);
  heliostat.keep(connection, () => {
    hub.invoke("whereIsIt").done(show).fail((error) => heliostat.complain(part("error"), error));
  });
}(window.jQuery, window.heliostat));
