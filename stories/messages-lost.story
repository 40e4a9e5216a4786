# The application does not want a client to go on that has missed something: it is sent away for good.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

open 1 connect; start; messages-lost; messages-lost; knock; open 2 reconnect
----
0s       OnConnected
0s       1 ends: Disconnected
0s       OnDisconnected(MessagesLost)
0s       Ended
0s       2 ends: Disconnected

# It came back with a cursor that is good for nothing here, and had started elsewhere.
B: open 1 reconnect; B: messages-lost; B: knock
----
0s       B: OnReconnected
0s       B: 1 ends: Disconnected
0s       B: OnDisconnected(MessagesLost)
0s       B: Ended

# It went away before it could be told.
C: open 1 connect; C: start; C: lose 1; C: messages-lost; C: knock
----
0s       C: OnConnected
0s       C: OnDisconnected(MessagesLost)
0s       C: Ended
