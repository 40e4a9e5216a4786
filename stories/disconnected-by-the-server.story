# The application sends a client away for good, wherever it is at the moment. CP-221.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

open 1 connect; start; disconnect; disconnect; abort; open 2 reconnect
----
0s       OnConnected
0s       1 ends: Disconnected
0s       OnDisconnected(DisconnectedByServer)
0s       2 ends: Disconnected

# It was away just then: it is told when it comes back.
B: open 1 connect; B: start; B: lose 1; B: disconnect; advance 2s; B: knock; B: open 2 reconnect
----
0s       B: OnConnected
0s       B: OnDisconnected(DisconnectedByServer)
2s       B: Ended
2s       B: 2 ends: Disconnected

# It had not started: the application hears nothing, the client is told all the same.
C: open 1 connect; C: disconnect; C: open 2 connect; C: start
----
2s       C: 1 ends: Disconnected
2s       C: 2 ends: Disconnected
