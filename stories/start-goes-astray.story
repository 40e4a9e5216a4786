# The start request may reach a server that carries nothing, or come between two transport connections. CP-112.
server connection on webSockets, serverSentEvents, foreverFrame

# Another server carries the connection; if nothing more comes, this one gives the client up. It told the application
# of a beginning, so it tells of an end; but the client may be well where it is, so nothing keeps it from coming here.
A: start; A: start; advance 34.9s; A: knock; advance 0.1s; A: open 1 reconnect; A: abort
----
0s       A: OnConnected
34.9s    A: Welcome
35s      A: OnDisconnected(TimedOut)
35s      A: forgotten
35s      A: OnReconnected
35s      A: 1 ends: Stopped
35s      A: OnDisconnected(Stopped)

# The receive request finds it started. Trying another transport does not start it again.
B: start; advance 3s; B: open 1 connect; B: open 2 longPolling connect; B: abort
----
35s      B: OnConnected
38s      B: 1 ends: Replaced
38s      B: 2 ends: Stopped
38s      B: OnDisconnected(Stopped)

# The start comes when the transport connection is already lost: told, and the grace is not prolonged.
C: open 1 connect; C: lose 1; advance 30s; C: start; advance 5s
----
68s      C: OnConnected
73s      C: OnDisconnected(TimedOut)

# A reconnect shows that the start was handled elsewhere.
D: open 1 connect; D: open 2 reconnect; D: start; D: abort
----
73s      D: 1 ends: Replaced
73s      D: OnReconnected
73s      D: 2 ends: Stopped
73s      D: OnDisconnected(Stopped)
