/* One SignalR connection per page, made with the official client, and the bar that shows its state.

   Address parameters: `transport` chooses one transport, `user` the user id that the demo server takes for this visitor. */
(function ($) {
  "use strict";

  const RESTART_AFTER = 5000; // What the guide of the original advises after `disconnected`.
  const parameters = new URLSearchParams(window.location.search);
  const transport = parameters.get("transport") || "auto";

  const WORDS = {
    connecting: "Connecting …",
    connected: "Connected",
    slow: "Connected, but slow",
    reconnecting: "Reconnecting …",
    disconnected: "Disconnected",
  };

  function bar() {
    const root = document.querySelector("[data-connection]");
    const part = (name) => root.querySelector(`[data-connection-${name}]`);
    return {
      toggle: part("toggle"),
      choice: part("choice"),
      show(state, connection) {
        root.dataset.state = state;
        part("state").textContent = WORDS[state];
        const attached = state !== "disconnected" && connection.transport;
        part("transport").textContent = attached ? connection.transport.name : "none";
        part("id").textContent = (state !== "disconnected" && connection.id) || "none";
        part("toggle").textContent = state === "disconnected" ? "Connect" : "Stop";
      },
      note(text) {
        part("note").textContent = text || "";
        part("note").hidden = !text;
      },
    };
  }

  /* Shows every change of state, and starts again after a loss unless the visitor stopped.
     `ready` is called whenever the connection is there: at first, and after every reconnect or restart. */
  function keep(connection, ready) {
    const view = bar();
    let wanted = true;
    let timer = null;
    let slow = null;

    if (parameters.has("user")) {
      connection.qs = { user: parameters.get("user") };
    }

    const name = (state) => Object.entries($.signalR.connectionState).find((entry) => entry[1] === state)[0];

    const noLongerSlow = () => {
      clearInterval(slow);
      slow = null;
    };

    function start() {
      clearTimeout(timer);
      view.note("");
      connection.start({ transport: transport })
        .done(() => ready())
        .fail((error) => {
          // Without this the client stays silent in "disconnected".
          view.show("disconnected", connection);
          view.note(error.message);
          restartLater();
        });
    }

    function restartLater() {
      clearTimeout(timer);
      if (wanted) {
        timer = setTimeout(start, RESTART_AFTER);
      }
    }

    connection.stateChanged((change) => {
      noLongerSlow();
      view.show(name(change.newState), connection);
    });
    connection.connectionSlow(() => {
      view.show("slow", connection);
      // The client tells when it gets slow, not when it is well again: its own memory of having told is the sign.
      noLongerSlow();
      slow = setInterval(() => {
        const told = connection._.keepAliveData && connection._.keepAliveData.userNotified;
        if (!told && connection.state === $.signalR.connectionState.connected) {
          noLongerSlow();
          view.show("connected", connection);
        }
      }, 500);
    });
    connection.reconnected(() => ready());
    connection.disconnected(() => {
      const error = connection.lastError;
      view.note(wanted ? `${error ? error.message + " " : ""}Starting again in ${RESTART_AFTER / 1000} seconds.` : "");
      restartLater();
    });

    view.choice.value = transport;
    view.choice.addEventListener("change", () => {
      parameters.set("transport", view.choice.value);
      window.location.search = parameters.toString();
    });
    view.toggle.addEventListener("click", () => {
      const stopped = connection.state === $.signalR.connectionState.disconnected;
      wanted = stopped;
      if (stopped) {
        start();
      } else {
        connection.stop();
      }
    });

    view.show("disconnected", connection);
    start();
  }

  /* A call's error as a person can read it. */
  function complain(element, error) {
    element.textContent = error ? error.message || String(error) : "";
    element.hidden = !error;
  }

  const here = document.querySelector(`.top nav a[href="${window.location.pathname}"]`);
  if (here) {
    here.setAttribute("aria-current", "page");
  }

  window.heliostat = { keep, complain, parameters };
}(window.jQuery));
