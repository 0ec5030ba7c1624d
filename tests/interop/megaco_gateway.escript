%% A media gateway made of OTP's megaco: escript megaco_gateway.escript MY-IP MY-PORT MGC-IP MGC-PORT udp|tcp compact|pretty|ber
%%
%% It registers by ServiceChange, prints on standard error "registered: TEXT", then for every request "request: TEXT" with the actions as
%% OTP decoded them, and answers them: an Add gets a Local descriptor with a port and a path of its own. A line
%% "notify CONTEXT TERMINATION REQUEST-ID EVENT" on standard input sends a Notify and prints "notified: TEXT" with the
%% reply. It ends with its standard input.
-module(megaco_gateway).
-mode(compile).
-export([main/1, handle_connect/2, handle_disconnect/3, handle_syntax_error/3, handle_message_error/3]).
-export([handle_trans_request/3, handle_trans_long_request/3, handle_trans_reply/4, handle_trans_ack/4]).
-export([handle_unexpected_trans/3, handle_trans_request_abort/4]).

main([Ip, Port, MgcIp, MgcPort, Transport, Encoding]) ->
    %% Faults on standard error: on standard output OTP 27's megaco_tcp traces whatever it does.
    ok = logger:remove_handler(default),
    ok = logger:add_handler(default, logger_std_h, #{config => #{type => standard_error}}),
    ok = application:start(megaco),
    ets:new(gateway, [named_table, public]),
    ets:insert(gateway, [{address, Ip}, {terminations, 0}]),
    Mid = mid(Ip, Port),
    ok = megaco:start_user(Mid, [{user_mod, ?MODULE}, {encoding_mod, encoder(Encoding)}, {encoding_config, []},
                                 {protocol_version, 2}, {send_mod, send_mod(Transport)}]),
    Handle = megaco:user_info(Mid, receive_handle),
    {SendHandle, Control} = open(Transport, Ip, list_to_integer(Port), MgcIp, list_to_integer(MgcPort), Handle),
    {ok, Connection} = megaco:connect(Handle, mid(MgcIp, MgcPort), SendHandle, Control),
    Said = call(Connection, "C=-{SC=ROOT{SV{MT=RS,RE=\"901 Cold Boot\",V=2,PF=Mp/1}}}"),
    io:format(standard_error, "registered: ~0p~n", [Said]),
    work(Connection, io:get_line("")).

work(_, eof) ->
    halt(0);
work(Connection, Line) ->
    ["notify", Context, Termination, RequestId, Event] = string:lexemes(Line, " \n"),
    Said = call(Connection, ["C=", Context, "{N=", Termination, "{OE=", RequestId, "{", Event, "}}}"]),
    io:format(standard_error, "notified: ~0p~n", [Said]),
    work(Connection, io:get_line("")).

call(Connection, Actions) ->
    {transactionRequest, {'TransactionRequest', _, Requests}} = decoded(["T=1{", Actions, "}"]),
    case megaco:call(Connection, Requests, []) of
        {_, {ok, Replies}} ->
            text({transactionReply, {'TransactionReply', 1, asn1_NOVALUE, {actionReplies, Replies}}});
        Error ->
            io:format(standard_error, "error: ~0p~n", [Error]),
            halt(4)
    end.

mid(Ip, Port) ->
    {ok, Address} = inet:parse_address(Ip),
    {ip4Address, {'IP4Address', tuple_to_list(Address), list_to_integer(Port)}}.

encoder("pretty") -> megaco_pretty_text_encoder;
encoder("compact") -> megaco_compact_text_encoder;
encoder("ber") -> megaco_ber_encoder.

send_mod("udp") -> megaco_udp;
send_mod("tcp") -> megaco_tcp.

open("udp", Ip, Port, MgcIp, MgcPort, Handle) ->
    {ok, Address} = inet:parse_address(Ip),
    {ok, MgcAddress} = inet:parse_address(MgcIp),
    {ok, Transport} = megaco_udp:start_transport(),
    {ok, Socket, Control} = megaco_udp:open(Transport, [{port, Port}, {udp_options, [{ip, Address}]},
                                                        {module, megaco}, {receive_handle, Handle}]),
    {megaco_udp:create_send_handle(Socket, MgcAddress, MgcPort), Control};
open("tcp", Ip, _, MgcIp, MgcPort, Handle) ->
    {ok, Address} = inet:parse_address(Ip),
    {ok, MgcAddress} = inet:parse_address(MgcIp),
    {ok, Transport} = megaco_tcp:start_transport(),
    {ok, Socket, Control} = megaco_tcp:connect(Transport, [{host, MgcAddress}, {port, MgcPort},
                                                           {tcp_options, [{ip, Address}]},
                                                           {module, megaco}, {receive_handle, Handle}]),
    {Socket, Control}.

decoded(Transaction) ->
    Text = iolist_to_binary(["!/2 [192.0.2.20]:2944 ", Transaction]),
    {ok, {'MegacoMessage', _, {'Message', _, _, {transactions, [Part]}}}} =
        megaco_compact_text_encoder:decode_message([], dynamic, Text),
    Part.

text(Part) ->
    Mid = {ip4Address, {'IP4Address', [192, 0, 2, 20], 2944}},
    Message = {'MegacoMessage', asn1_NOVALUE, {'Message', 2, Mid, {transactions, [Part]}}},
    {ok, Text} = megaco_compact_text_encoder:encode_message([], 2, Message),
    binary_to_list(Text).

%% ------------------------------------------------------------------ answers

answer(["A", Context, _]) ->
    Number = integer_to_list(ets:update_counter(gateway, terminations, 1)),
    [{address, Ip}] = ets:lookup(gateway, address),
    Chosen = case Context of "$" -> "7"; _ -> Context end,
    Port = integer_to_list(20000 + list_to_integer(Number)),
    Local = ["\nv=0\nc=IN IP4 ", Ip, "\nm=message ", Port, " TCP/MSRP *\na=path:msrp://", Ip, ":", Port, "/erl", Number,
             ";tcp\n"],
    ["C=", Chosen, "{A=ip/1/mb/", Number, "{M{ST=1{L{", Local, "}}}}}"];
answer(["S", Context, Termination]) ->
    ["C=", Context, "{S=", Termination, "{SA{msrpstat/mr=3}}}"];
answer([Command, Context, Termination]) ->
    ["C=", Context, "{", Command, "=", Termination, "}"].

%% ------------------------------------------------------------------ what megaco calls

handle_trans_request(_, _, Actions) ->
    Text = text({transactionRequest, {'TransactionRequest', 1, Actions}}),
    io:format(standard_error, "request: ~0p~n", [Text]),
    {match, [Context, Command, Termination]} =
        re:run(Text, "C=([^{]+)\\{(?:W-|O-)?(A|MF|S|AV)=([^{},\n]+)", [{capture, all_but_first, list}]),
    {transactionReply, Reply} = decoded(["P=1{", answer([Command, Context, Termination]), "}"]),
    {actionReplies, Replies} = element(4, Reply),
    {discard_ack, Replies}.

handle_connect(_, _) -> ok.
handle_disconnect(_, _, _) -> ok.
handle_syntax_error(_, _, Error) -> io:format(standard_error, "syntax error: ~0p~n", [Error]), reply.
handle_message_error(_, _, Error) -> io:format(standard_error, "message error: ~0p~n", [Error]), no_reply.
handle_trans_long_request(_, _, _) -> {discard_ack, {error, 501}}.
handle_trans_reply(_, _, _, _) -> ok.
handle_trans_ack(_, _, _, _) -> ok.
handle_unexpected_trans(_, _, Part) -> io:format(standard_error, "unexpected: ~0p~n", [Part]), ok.
handle_trans_request_abort(_, _, _, _) -> ok.
