// Socket.IO with what its makers advise for speed: WebSockets only, no compression, the native masking of bufferutil.
import { createServer } from "node:http";
import { Server } from "socket.io";

const port = Number(process.argv[2]);
if (!Number.isInteger(port) || port < 1 || port > 65535) {
  console.error("usage: node server.js <port>");
  process.exit(64);
}

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, httpCompression: false, serveClient: false });

io.on("connection", (socket) => {
  // The first request is not needed any more, and is a third of the memory.
  delete socket.conn.request;
  socket.on("echo", (text, answer) => answer(text));
  socket.on("broadcast", (text) => io.emit("called", text));
  socket.on("join", (group, answer) => {
    socket.join(group);
    answer();
  });
  socket.on("sendToGroup", (group, text) => io.to(group).emit("called", text));
});

http.listen(port, "127.0.0.1");
