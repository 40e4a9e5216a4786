# A server is emptied. Its clients are asked to reconnect and go on elsewhere under the same id, so nobody hears of an
# end, and there is no tombstone.
server connection on webSockets, serverSentEvents, foreverFrame, longPolling

open 1 connect; start; leave; knock
----
0s       OnConnected
0s       1 ends: ShuttingDown
0s       forgotten
0s       Forgotten

# One that is away cannot be asked. It may come back and be sent on; if it does not, it is gone as ever.
B: open 1 connect; B: start; B: lose 1; B: leave; advance 2s; B: open 2 reconnect; B: leave; B: knock
----
0s       B: OnConnected
2s       B: OnReconnected
2s       B: 2 ends: ShuttingDown
2s       B: forgotten
2s       B: Forgotten

# One that is over stays over.
D: open 1 connect; D: start; D: disconnect; D: leave; D: knock; D: open 2 reconnect
----
2s       D: OnConnected
2s       D: 1 ends: Disconnected
2s       D: OnDisconnected(DisconnectedByServer)
2s       D: Ended
2s       D: 2 ends: Disconnected
