# T7: an interruption that is over before anybody could know raises nothing; what was on its way comes late. CP-003.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling

start; advance 5s
----
0s                                                  S: OnConnected
0s       C: started

interrupt 7s; advance 3s; publish "late"; advance 5s
----
5s       ~~~ interrupted
12s      ~~~ works again
12s      C: received "late"

advance 60s
----
(nothing)
