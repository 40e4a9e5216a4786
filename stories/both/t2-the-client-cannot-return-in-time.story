# T2: the server notices the break at once and the client does not. When it comes back the server has given it up: it
# is told to stop; reconnected is not raised, and disconnected is not raised again. CP-005, CP-006, CP-008, CP-221.
both machines on webSockets, serverSentEvents, foreverFrame

start; advance 1s
----
0s                                                  S: OnConnected
0s       C: started

cut seen by server; interrupt 39s; advance 60s
----
on webSockets:
1s       ~~~ interrupted
13.3s    C: connectionSlow
20s      C: reconnecting
36s                                                 S: OnDisconnected(TimedOut)
40s      ~~~ works again
40s                                                 S: tells the late client to stop
40s                                                 S: tells the late client to stop
40s      C: error: the server ended the connection: the server has ended this connection
40s      C: disconnected
on serverSentEvents, foreverFrame:
1s       ~~~ interrupted
13.3s    C: connectionSlow
20s      C: reconnecting
36s                                                 S: OnDisconnected(TimedOut)
40s      ~~~ works again
40s                                                 S: tells the late client to stop
40s      C: error: the server ended the connection: the server has ended this connection
40s      C: disconnected

advance 300s
----
(nothing)
