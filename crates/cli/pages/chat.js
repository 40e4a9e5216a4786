/* The chat page: a hub proxy, four callbacks, four calls. Whatever others wrote is shown with `textContent`, never as HTML. */
(function ($, heliostat) {
  "use strict";

  const MOST_LINES = 500;
  const part = (name) => document.querySelector(`[data-${name}]`);
  const connection = $.hubConnection();
  const chat = connection.createHubProxy("chatHub");

  let room = heliostat.parameters.get("room") || "lobby";
  let you = "";

  chat.on("message", (where, name, text) => {
    if (where === room) {
      said(name, text);
    }
  });
  chat.on("joined", (where, name) => happened(where, `${name} came in.`));
  chat.on("left", (where, name) => happened(where, `${name} left.`));
  chat.on("renamed", (where, before, after) => {
    if (before === you) {
      you = after;
    }
    happened(where, `${before} is now ${after}.`);
  });

  /* Also after a reconnect: the server may be another one, or may have been restarted. */
  function enter() {
    const known = you;
    call("join", room).done((view) => {
      you = view.you;
      if (known && known !== you) {
        rename(known);
      }
      part("room").textContent = view.room;
      document.getElementById("room").value = view.room;
      document.getElementById("name").value = view.you;
      people(view.people);
    });
  }

  function rename(name) {
    call("rename", name).done((accepted) => {
      you = accepted;
      document.getElementById("name").value = you;
      call("who", room).done(people);
    });
  }

  function call(...what) {
    heliostat.complain(part("error"), null);
    return chat.invoke(...what).fail((error) => heliostat.complain(part("error"), error));
  }

  function said(name, text) {
    const who = document.createElement("span");
    who.className = "who";
    who.textContent = `${name}, ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`;
    const line = document.createElement("li");
    line.className = name === you ? "said mine" : "said";
    line.append(who, text);
    append(line);
  }

  function happened(where, text) {
    if (where !== room) {
      return;
    }
    const line = document.createElement("li");
    line.className = "event";
    line.textContent = text;
    append(line);
    call("who", room).done(people);
  }

  function append(line) {
    const lines = part("lines");
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    lines.append(line);
    while (lines.childElementCount > MOST_LINES) {
      lines.firstElementChild.remove();
    }
    if (atEnd) {
      lines.scrollTop = lines.scrollHeight;
    }
  }

  function people(names) {
    let unmarked = true;
    part("people").replaceChildren(...names.map((name) => {
      const item = document.createElement("li");
      const own = unmarked && name === you;
      item.textContent = own ? `${name} (you)` : name;
      if (own) {
        item.className = "you";
        unmarked = false;
      }
      return item;
    }));
  }

  part("join").addEventListener("submit", (event) => {
    event.preventDefault();
    const next = document.getElementById("room").value.trim();
    if (next === room) {
      enter();
      return;
    }
    call("leave", room).done(() => {
      room = next;
      part("lines").replaceChildren();
      enter();
    });
  });
  part("rename").addEventListener("submit", (event) => {
    event.preventDefault();
    rename(document.getElementById("name").value);
  });
  part("say").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = document.getElementById("text");
    call("say", room, text.value).done(() => { text.value = ""; });
  });

  heliostat.keep(connection, enter);
}(window.jQuery, window.heliostat));
