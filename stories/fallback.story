# The client tries one transport after the other on the same connection; only what it starts on counts. CP-123, CP-157.
server connection on webSockets

open 1 webSockets connect; advance 5s; open 2 serverSentEvents connect; advance 5s; open 3 foreverFrame connect
----
5s       1 ends: Replaced
10s      2 ends: Replaced

advance 5s; open 4 longPolling connect; answered 4; start; abort
----
15s      3 ends: Replaced
15s      OnConnected
15s      OnDisconnected(Stopped)

# None of them worked: the client stops, and the application never knew it.
B: open 1 connect; B: lose 1; advance 5s; B: open 2 longPolling connect; advance 5s; B: abort
----
25s      B: 2 ends: Stopped

# It just went away while trying. It is not kept out: for all this server knows it started elsewhere.
C: open 1 connect; advance 4s; C: lose 1; advance 35s; C: open 2 reconnect
----
64s      C: forgotten
64s      C: OnReconnected
