# The application disconnects a client: it is told why, stops, and sends no abort. D-16.
both machines on webSockets, serverSentEvents, foreverFrame, longPolling

start; advance 2s; disconnect; advance 60s
----
0s                                                  S: OnConnected
0s       C: started
2s                                                  S: OnDisconnected(DisconnectedByServer)
2s       C: error: the server ended the connection: the server has ended this connection
2s       C: disconnected
