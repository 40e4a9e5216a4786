# T5: OnDisconnected never runs anywhere, because nobody is left to run it.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

open 1 connect; start; die; advance 600s
----
0s       OnConnected
