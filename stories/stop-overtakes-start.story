# The stop arrives before the start request it should have followed: the application hears of neither. CP-220.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

open 1 connect; abort; start; lose 1; start; open 2 reconnect
----
0s       1 ends: Stopped
0s       2 ends: Disconnected
