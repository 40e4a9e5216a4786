# A driver that was asleep for minutes sends one keep-alive, not all that were missed.
server connection on webSockets, serverSentEvents, foreverFrame; disconnect 6s

open 1 connect; start; advance 1.9s; tick
----
0s       OnConnected

sleep 300s; tick; tick
----
301.9s   1 <- keep-alive
