// Runs in the page, after jQuery and the official client: `peer` is one connection, and keeps what it saw.

(() => {
  const $ = window.jQuery;
  const STATES = { 0: 'connecting', 1: 'connected', 2: 'reconnecting', 4: 'disconnected' };
  const EVENTS = ['starting', 'connectionSlow', 'reconnecting', 'reconnected', 'disconnected'];
  let waiting = [];

  const peer = {
    /** The client's events in the order it raised them; errors as `error: <message>`. */
    events: [],
    /** Every state the connection entered. */
    states: [],
    /** What arrived: the arguments of `called`, or the data of a connection without hubs. */
    heard: [],

    /** A hub connection with the diagnostics hub, and a listener so that the hub is among those asked for. */
    openHub(url, query) {
      this.connection = $.hubConnection(url, { useDefaultPath: false, qs: query });
      this.hub = this.connection.createHubProxy('diagnosticsHub');
      this.hub.on('called', (text) => this.hear(text));
      this.watch();
    },

    /** The client and its hub from the generated script, which must be loaded. */
    openGenerated() {
      this.connection = $.connection.hub;
      this.hub = $.connection.diagnosticsHub;
      this.hub.client.called = (text) => this.hear(text);
      this.watch();
    },

    /** A connection without hubs. */
    openPersistent(url) {
      this.connection = $.connection(url);
      this.connection.received((data) => this.hear(data));
      this.watch();
    },

    watch() {
      for (const name of EVENTS) this.connection[name](() => this.note(name));
      this.connection.error((error) => this.note(`error: ${error.message}`));
      this.connection.stateChanged(({ newState }) => this.states.push(STATES[newState]));
    },

    async start(options) {
      await settled(this.connection.start(options));
      const { id, token, transport } = this.connection;
      return { id, token, transport: transport.name };
    },

    async call(method, args) {
      const progress = [];
      const pending = this.hub.invoke(method, ...args).progress((value) => progress.push(value));
      try {
        return { result: await settled(pending), progress };
      } catch (error) {
        return { error: { message: error.message, data: error.data, source: error.source }, progress };
      }
    },

    hear(text) {
      this.heard.push(text);
      look();
    },

    note(event) {
      this.events.push(event);
      look();
    },

    /** Resolves when `list` ('events' or 'heard') holds `wanted` that many times, with the list until then. */
    until(list, wanted, times, patience) {
      return new Promise((resolve, reject) => {
        const deadline = setTimeout(
          () => reject(new Error(`no ${list} "${wanted}" (${times}.) within ${patience} ms, only ${JSON.stringify(this)}`)),
          patience,
        );
        waiting.push(() => {
          let seen = 0;
          const index = this[list].findIndex((entry) => matches(entry, wanted) && ++seen === times);
          if (index < 0) return false;
          clearTimeout(deadline);
          resolve(this[list].slice(0, index + 1));
          return true;
        });
        look();
      });
    },

    toJSON() {
      return { state: STATES[this.connection?.state], events: this.events, heard: this.heard };
    },
  };

  /** jQuery's promises before 3.0 are not quite promises. */
  function settled(deferred) {
    return new Promise((resolve, reject) => void deferred.done(resolve).fail(reject));
  }

  /** An error is named by its beginning: browsers differ in the rest. */
  function matches(entry, wanted) {
    return entry === wanted || (wanted === 'error' && String(entry).startsWith('error: '));
  }

  function look() {
    waiting = waiting.filter((isOver) => !isOver());
  }

  window.peer = peer;
})();
