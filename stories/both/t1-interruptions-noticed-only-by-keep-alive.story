# T1: interruptions that only the keep-alive shows, and that pass. CP-001, CP-003, CP-009, CP-225, CP-226.
both machines on webSockets, serverSentEvents, foreverFrame

start
----
0s                                                  S: OnConnected
0s       C: started

# The client hears nothing for longer than two thirds of the keep-alive timeout, twice: slow, once each time.
advance 14s; interrupt 15s; advance 22s; interrupt 13.5s; advance 20s
----
14s      ~~~ interrupted
23.3s    C: connectionSlow
29s      ~~~ works again
36s      ~~~ interrupted
43.3s    C: connectionSlow
49.5s    ~~~ works again

# This time the keep-alive timeout passes. What the server says meanwhile comes late, and is not lost.
interrupt 30s; advance 10s; publish "while you were away"; advance 25s
----
56s      ~~~ interrupted
63.3s    C: connectionSlow
70s      C: reconnecting
86s      ~~~ works again
86s                                                 S: OnReconnected
86s      C: reconnected
86s      C: received "while you were away"

stop; advance 1s
----
91s      C: disconnected
91s                                                 S: OnDisconnected(Stopped)
