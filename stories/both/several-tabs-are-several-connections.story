# Two tabs of one browser: two connections, each with its own life. What befalls one is nothing to the other, and closing one
# stops that one alone. CP-002.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling; clients C and D

start; D: start; join 1; publish "to both"; publish to group 1 "to the first"
----
on webSockets, serverSentEvents, foreverFrame:
0s                                                  S: OnConnected of C
0s       C: started
0s                                                  S: OnConnected of D
0s       D: started
0s       C: received "to both"
0s       D: received "to both"
0s       C: received "to the first"
on longPolling:
0s                                                  S: OnConnected of C
0s       C: started
0s                                                  S: OnConnected of D
0s       D: started
0s       D: received "to both"
0s       C: received "to both"
0s       C: received "to the first"

# The line of the first breaks.
cut seen by both; advance 5s; publish "to both again"
----
on webSockets:
0s       C: reconnecting
0s                                                  S: OnReconnected of C
0s       C: reconnected
5s       D: received "to both again"
5s       C: received "to both again"
on serverSentEvents, foreverFrame, longPolling:
0s       C: reconnecting
2s                                                  S: OnReconnected of C
2s       C: reconnected
5s       D: received "to both again"
5s       C: received "to both again"

# The second tab is closed, and opened again: it is another connection.
D: stop; advance 1s; publish "to one"; D: start; advance 1s; publish "to both at last"
----
5s       D: disconnected
5s                                                  S: OnDisconnected(Stopped) of D
6s       C: received "to one"
6s                                                  S: OnConnected of D
6s       D: started
7s       C: received "to both at last"
7s       D: received "to both at last"

stop; D: client dies; advance 200s
----
on webSockets:
7s       C: disconnected
7s                                                  S: OnDisconnected(Stopped) of C
7s       D: dies
61s                                                 S: OnDisconnected(TimedOut) of D
on serverSentEvents, foreverFrame:
7s       C: disconnected
7s                                                  S: OnDisconnected(Stopped) of C
7s       D: dies
82s                                                 S: OnDisconnected(TimedOut) of D
on longPolling:
7s       C: disconnected
7s                                                  S: OnDisconnected(Stopped) of C
7s       D: dies
67s                                                 S: OnDisconnected(TimedOut) of D
