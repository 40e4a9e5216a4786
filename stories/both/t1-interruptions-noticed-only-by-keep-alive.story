# T1: interruptions that only the keep-alive shows, and that pass. CP-001, CP-003, CP-009, CP-225, CP-226.
both machines on webSockets, serverSentEvents, foreverFrame

start
----
0s                                                  S: OnConnected
0s       C: started

# The client hears nothing for longer than two thirds of the keep-alive timeout, twice: slow, once each time.
advance 11s; interrupt 16s; advance 20s; interrupt 16s; advance 20s
----
on webSockets:
11s      ~~~ interrupted
23.3s    C: connectionSlow
27s      ~~~ works again
31s      ~~~ interrupted
43.3s    C: connectionSlow
47s      ~~~ works again
47s      C: reconnecting
47s                                                 S: OnReconnected
47s      C: reconnected
on serverSentEvents, foreverFrame:
11s      ~~~ interrupted
23.3s    C: connectionSlow
27s      ~~~ works again
31s      ~~~ interrupted
43.3s    C: connectionSlow
47s      ~~~ works again

# This time the keep-alive timeout passes. What the server says meanwhile comes late, and is not lost.
interrupt 30s; advance 10s; publish "while you were away"; advance 25s
----
on webSockets:
51s      ~~~ interrupted
60.3s    C: connectionSlow
67s      C: reconnecting
81s      ~~~ works again
81s                                                 S: OnReconnected
81s      C: reconnected
81s      C: received "while you were away"
on serverSentEvents, foreverFrame:
51s      ~~~ interrupted
63.3s    C: connectionSlow
70s      C: reconnecting
81s      ~~~ works again
81s                                                 S: OnReconnected
81s      C: reconnected
81s      C: received "while you were away"

stop; advance 1s
----
86s      C: disconnected
86s                                                 S: OnDisconnected(Stopped)
