/* The diagnostics page: a list of checks that a person can run, and a form for single calls. */
(function ($, heliostat) {
  "use strict";

  const PATIENCE = 10000;

  /* What to begin with in the form; the other methods take texts or nothing. */
  const EXAMPLES = { add: [20, 22], countdown: [5], sleep: [1000], query: ["transport"], echo: [{ any: ["value", 1] }] };
  const part = (name) => document.querySelector(`[data-${name}]`);
  const connection = $.hubConnection();
  const hub = connection.createHubProxy("diagnosticsHub");
  const listeners = new Set();

  hub.on("called", (text) => {
    write(`called(${JSON.stringify(text)})`);
    listeners.forEach((listener) => listener(text));
  });

  function write(text) {
    const log = part("log");
    log.append(`${new Date().toLocaleTimeString()}  ${text}\n`);
    log.scrollTop = log.scrollHeight;
  }

  const invoke = (...what) => new Promise((resolve, reject) => {
    hub.invoke(...what).done(resolve).fail(reject);
  });

  const failure = async (...what) => {
    try {
      await invoke(...what);
    } catch (error) {
      return error;
    }
    throw new Error("the call should have failed");
  };

  function expect(condition, found) {
    if (!condition) {
      throw new Error(`unexpected: ${JSON.stringify(found)}`);
    }
  }

  /* Calls, and waits for `called` with that text. */
  async function reaches(text, ...what) {
    let listener;
    const arrived = new Promise((resolve) => {
      listener = (found) => { if (found === text) { resolve(); } };
      listeners.add(listener);
    });
    try {
      await invoke(...what);
      await arrived;
    } finally {
      listeners.delete(listener);
    }
  }

  const CHECKS = {
    "A value comes back as it was": async () => {
      const value = { text: "<b>é 😀 \u2028</b>", list: [1, 2.5, null, true], deep: { a: {} } };
      const back = await invoke("echo", value);
      expect(JSON.stringify(back) === JSON.stringify(value), back);
    },
    "Two numbers are added": async () => {
      const sum = await invoke("add", 20, 22);
      expect(sum === 42, sum);
    },
    "An ordinary error fails the call": async () => {
      const error = await failure("fail");
      expect(error.source !== "HubException", error.message);
      return error.message;
    },
    "A hub error brings its data": async () => {
      const error = await failure("failWithData");
      expect(error.message === "room is full" && error.source === "HubException" && error.data.max === 20, error.message);
    },
    "Progress arrives in order": async () => {
      const steps = [];
      const result = await new Promise((resolve, reject) => {
        hub.invoke("countdown", 5).progress((step) => steps.push(step)).done(resolve).fail(reject);
      });
      expect(result === "done" && steps.join() === "1,2,3,4,5", { result, steps });
    },
    "Caller state makes the round trip": async () => {
      const before = hub.state.counter || 0;
      const counter = await invoke("bumpCounter");
      expect(counter === before + 1 && hub.state.counter === counter, { before, counter });
    },
    "The server knows this connection": async () => {
      const me = await invoke("whoAmI");
      expect(me.connectionId === connection.id && me.transport === connection.transport.name, me);
      return `${me.transport}, protocol ${me.protocol}, user ${me.user || "none"}`;
    },
    "Calls to the caller, all, and this id arrive": async () => {
      await reaches("me", "callMe", "me");
      await reaches("all", "callAll", "all");
      await reaches("id", "callClient", connection.id, "id");
    },
    "A group reaches its members": async () => {
      const group = `check ${connection.id}`;
      await invoke("join", group);
      await reaches("group", "callGroup", group, "group");
      await invoke("leave", group);
    },
    "The query string can be read": async () => {
      const found = await invoke("query", "clientProtocol");
      expect(found === "2.1", found);
    },
    "The persistent connection echoes": () => new Promise((resolve, reject) => {
      const echo = $.connection("/echo");
      const text = `echo ${Math.random()}`;
      echo.received((found) => {
        echo.stop();
        if (found === text) { resolve(echo.transport && echo.transport.name); } else { reject(new Error(String(found))); }
      });
      echo.start({ transport: heliostat.parameters.get("transport") || "auto" })
        .done(() => echo.send(text)).fail(reject);
    }),
  };

  function item(name) {
    const parts = ["verdict", "name", "detail"].map((kind) => {
      const span = document.createElement("span");
      span.className = kind;
      return span;
    });
    parts[0].textContent = "waiting";
    parts[1].textContent = name;
    const element = document.createElement("li");
    element.append(...parts);
    part("checks").append(element);
    return (passed, detail) => {
      parts[0].textContent = passed ? "passed" : "failed";
      parts[0].className = passed ? "verdict passed" : "verdict failed";
      parts[2].textContent = detail;
    };
  }

  async function runAll() {
    const button = part("run");
    button.disabled = true;
    part("checks").replaceChildren();
    const reports = Object.keys(CHECKS).map(item);
    let failed = 0;
    for (const [index, check] of Object.values(CHECKS).entries()) {
      const begin = performance.now();
      const late = new Promise((_, reject) => {
        setTimeout(() => reject(new Error(`no answer within ${PATIENCE / 1000} s`)), PATIENCE);
      });
      try {
        const detail = await Promise.race([check(), late]);
        reports[index](true, [detail, `${Math.round(performance.now() - begin)} ms`].filter(Boolean).join(" · "));
      } catch (error) {
        failed += 1;
        reports[index](false, error.message);
      }
    }
    const all = Object.keys(CHECKS).length;
    part("summary").textContent = failed ? `${failed} of ${all} failed` : `all ${all} passed`;
    button.disabled = false;
  }

  function row(event) {
    const element = document.createElement("tr");
    for (const text of [event.event, event.connectionId, event.reason || ""]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      element.append(cell);
    }
    return element;
  }

  function suggest() {
    const select = document.getElementById("method");
    const inside = select.selectedOptions[0].textContent.match(/\((.*)\)/)[1];
    const texts = inside ? inside.split(", ").map(() => "hello") : [];
    document.getElementById("arguments").value = JSON.stringify(EXAMPLES[select.value] || texts);
  }

  document.getElementById("method").value = "echo";
  suggest();
  document.getElementById("method").addEventListener("change", suggest);
  part("run").addEventListener("click", runAll);
  part("events-load").addEventListener("click", async () => {
    try {
      part("events").replaceChildren(...(await invoke("events")).slice(-50).map(row));
    } catch (error) {
      write(`events failed: ${error.message}`);
    }
  });
  part("call").addEventListener("submit", async (event) => {
    event.preventDefault();
    const method = document.getElementById("method").value;
    try {
      const values = JSON.parse(document.getElementById("arguments").value || "[]");
      if (!Array.isArray(values)) {
        throw new Error("the arguments must be a JSON array, for example [1, 2]");
      }
      const call = hub.invoke(method, ...values).progress((step) => write(`${method} progress: ${JSON.stringify(step)}`));
      const result = await new Promise((resolve, reject) => { call.done(resolve).fail(reject); });
      write(`${method} → ${JSON.stringify(result)}`);
    } catch (error) {
      const data = error.data === undefined ? "" : ` ${JSON.stringify(error.data)}`;
      write(`${method} failed: ${error.message}${data}`);
    }
  });

  heliostat.keep(connection, () => write(`connected as ${connection.id}`));
}(window.jQuery, window.heliostat));
