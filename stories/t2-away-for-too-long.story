# T2: the client comes back when the server has given it up. CP-005, CP-006, CP-008, CP-217, CP-221, CP-222.
server connection on webSockets, serverSentEvents, foreverFrame

open 1 connect; start; advance 5s
----
0s       OnConnected

lose 1; advance 34.9s; knock
----
39.9s    Welcome

advance 0.1s; knock
----
40s      OnDisconnected(TimedOut)
40s      Ended

# A client that understands the frame is let in to be told; one that does not is refused after the knock.
advance 10s; open 2 reconnect; lose 2
----
50s      2 ends: Disconnected

# Its late stop and start are nobody's business any more.
abort; start
----
(nothing)

# When the topics have forgotten it, so has the server. Who comes then comes from another server.
advance 89.9s; knock; advance 0.1s; knock; open 3 reconnect
----
139.9s   Ended
140s     forgotten
140s     Forgotten
140s     OnReconnected
