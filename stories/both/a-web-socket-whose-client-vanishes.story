# The client's computer is gone without a word. Within two keep-alives it counts as away; a disconnect timeout later (and the
# five seconds that streams have more) it has ended. Nothing is raised before.
both machines on webSockets; show away

start; advance 12s; cut; client dies; advance 18s
----
0s                                                  S: OnConnected
0s       C: started
12s      C: dies
30s                                                 S: counts the silent client as away

advance 34.9s
----
(nothing)

advance 0.2s
----
65s                                                 S: OnDisconnected(TimedOut)
