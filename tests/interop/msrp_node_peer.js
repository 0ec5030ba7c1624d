// One MSRP endpoint made of msrp-node-lib: node msrp_node_peer.js LIBRARY-FOLDER HOST PORT
//
// Prints a JSON object a line: {"offer": SDP}, then {"message": {...}}, {"sent": N chunks}, {"report": {...}} as they
// come. Takes a JSON object a line: {"answer": SDP}, {"send": TEXT, "type": MIME}. Ends with its standard input.
"use strict";
const [folder, host, port] = process.argv.slice(2);
const silent = { debug() {}, info() {}, warn() {}, warning() {}, error(text) { console.error(text); } };
const msrp = require(folder)(
  {
    host, port: Number(port), traceMsrp: false, sessionName: "-", acceptTypes: "message/cpim", setup: "actpass",
    forceSetup: true, enableHeartbeats: false,
    socketReconnectTimeout: 0, socketConnectTimeout: 0, idleSocketTimeout: 0,
  },
  silent
);
const tell = (news) => process.stdout.write(JSON.stringify(news) + "\n");

msrp.Server.start(() => {
  const session = msrp.SessionController.createSession();
  let chunks = 0;
  session.on("message", (message) => {
    // The first request of a connection has no body (RFC 4975 section 5.4); the library takes it for a message.
    if (message.body) tell({ message: { type: message.contentType, body: message.body } });
  });
  session.on("messageSent", () => { chunks += 1; });
  session.on("report", (report) => tell({ report: { status: report.status, range: report.byteRange } }));
  session.on("socketSet", () => tell({ connected: true }));
  session.getDescription((offer) => tell({ offer }), (why) => tell({ failed: String(why) }));
  require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const order = JSON.parse(line);
    if (order.answer) {
      session.setDescription(order.answer, () => tell({ answered: true }), (why) => tell({ failed: String(why) }));
    } else {
      chunks = 0;
      session.sendMessage(order.send, () => tell({ sent: chunks }), order.type, true);
    }
  }).on("close", () => process.exit(0));
});
