// A browser's page with just enough of jQuery and of a SignalR client to run a proxy script in, and the scenarios
// of proxy_script.rs. Reads `SCRIPT` (set before this file) and the scenario's name from the arguments.
"use strict";
const assert = require("assert");
const vm = require("vm");

// How a generation of clients recognises, in `off`, what was given to `on`.
const GENERATIONS = {
  "before 2.4": { sameHandler: (entry, wrapper) => entry.wrapper.toString() === wrapper.toString() },
  "since 2.4": { sameHandler: (entry, wrapper, handler) => entry.handler === handler },
};

function page(generation) {
  class HubProxy {
    constructor(connection, hubName) {
      Object.assign(this, { connection, hubName, state: {}, entries: [], invocations: [] });
    }
    on(name, wrapper, handler) {
      this.entries.push({ name: name.toLowerCase(), wrapper, handler });
    }
    off(name, wrapper, handler) {
      const gone = (entry) => entry.name === name.toLowerCase() && generation.sameHandler(entry, wrapper, handler);
      this.entries = this.entries.filter((entry) => !gone(entry));
    }
    invoke(method, ...values) {
      this.invocations.push([method, ...values]);
      return "promise of " + method;
    }
  }

  class HubConnection {
    constructor(url, options) {
      Object.assign(this, { url, options, proxies: {}, onStarting: [], onDisconnected: [] });
    }
    createHubProxy(name) {
      const key = name.toLowerCase();
      return (this.proxies[key] = this.proxies[key] || new HubProxy(this, key));
    }
    starting(handler) { this.onStarting.push(handler); }
    disconnected(handler) { this.onDisconnected.push(handler); }
    _registerSubscribedHubs() {
      this.data = Object.values(this.proxies).filter((proxy) => proxy.entries.length > 0).map((proxy) => proxy.hubName);
    }
    start() { this.onStarting.forEach((handler) => handler.call(this)); }
    stop() { this.onDisconnected.forEach((handler) => handler.call(this)); }
    deliver(hub, method, ...values) {
      const wanted = (entry) => entry.name === method.toLowerCase();
      this.proxies[hub].entries.filter(wanted).forEach((entry) => entry.wrapper(...values));
    }
  }

  const jQuery = () => {};
  jQuery.extend = Object.assign;
  jQuery.signalR = jQuery.connection = () => {};
  jQuery.hubConnection = (url, options) => new HubConnection(url, options);
  jQuery.hubConnection.prototype = HubConnection.prototype;
  const window = { jQuery };
  vm.runInNewContext(SCRIPT, { window });
  return jQuery;
}

const SCENARIOS = {
  "defines the proxies": ($) => {
    assert.strictEqual($.connection.chatHub.hubName, "chathub");
    assert.deepStrictEqual(Object.keys($.connection.chatHub.client), []);
    assert.deepStrictEqual(Object.keys($.connection.chatHub.server), ["Verbatim-Name", "overload", "send"]);
    assert.strictEqual(typeof $.connection.chatHub.state, "object");
    assert.strictEqual($.connection["odd </script> \u2028 hub"].hubName, "odd </script> \u2028 hub");
  },
  "connects to the endpoint": ($) => {
    assert.strictEqual($.connection.hub.url, "/base \"quoted\"");
    assert.deepStrictEqual({ ...$.connection.hub.options }, { useDefaultPath: false });
  },
  "forwards every argument": ($) => {
    const { server, invocations } = $.connection.chatHub;
    assert.strictEqual(server.send("a", 2, null, [3]), "promise of Send");
    assert.strictEqual(server.send(), "promise of Send");
    assert.strictEqual(server["Verbatim-Name"](1), "promise of Verbatim-Name");
    assert.strictEqual(JSON.stringify(invocations), '[["Send","a",2,null,[3]],["Send"],["Verbatim-Name",1]]');
  },
  "serves every hub connection": ($) => {
    const proxies = $.hubConnection("/elsewhere").createHubProxies();
    assert.deepStrictEqual(Object.keys(proxies), ["chatHub", "newsHub", "odd </script> \u2028 hub"]);
    assert.notStrictEqual(proxies.chatHub, $.connection.chatHub);
    assert.strictEqual(proxies.chatHub.connection.url, "/elsewhere");
  },
  "delivers once after stop and start": ($) => {
    const { hub, chatHub } = $.connection;
    const heard = [];
    chatHub.client.message = function (text) { heard.push([this === chatHub, text]); };
    for (let round = 0; round < 3; round += 1) {
      hub.start();
      hub.deliver("chathub", "Message", round);
      hub.stop();
      hub.deliver("chathub", "Message", "nobody listens");
    }
    assert.deepStrictEqual(heard, [[true, 0], [true, 1], [true, 2]]);
  },
  "lists hubs with own functions alone": ($) => {
    const { hub, chatHub, newsHub } = $.connection;
    chatHub.client.text = "no function";
    chatHub.client = Object.create({ inherited() {} }, Object.getOwnPropertyDescriptors(chatHub.client));
    newsHub.client.length = () => {};
    hub.start();
    assert.deepStrictEqual(hub.data, ["newshub"]);
  },
};

const scenario = SCENARIOS[process.argv[2]];
if (scenario) {
  Object.values(GENERATIONS).forEach((generation) => scenario(page(generation)));
} else {
  // What the script throws in a page, with and without the libraries before it.
  const windows = { "no jQuery": {}, "no client": { jQuery: () => {} } };
  vm.runInNewContext(SCRIPT, { window: windows[process.argv[2]] });
}
