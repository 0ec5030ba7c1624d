%% A media gateway controller made of OTP's megaco: escript megaco_controller.escript MY-IP MY-PORT compact|pretty FILE...
%%
%% It answers ServiceChange, sends the action requests of each FILE (a whole message in text, "CONTEXT" and "TERMINATION"
%% stand for those of the first reply) one after another, prints "reply: TEXT" for each, and "notify: TEXT" for every
%% Notify, which it answers. When it has all replies and one Notify it ends.
-module(megaco_controller).
-mode(compile).
-export([main/1, handle_connect/2, handle_disconnect/3, handle_syntax_error/3, handle_message_error/3]).
-export([handle_trans_request/3, handle_trans_long_request/3, handle_trans_reply/4, handle_trans_ack/4]).
-export([handle_unexpected_trans/3, handle_trans_request_abort/4]).

main([Ip, Port, Encoding | Files]) ->
    register(controller, self()),
    ok = application:start(megaco),
    {ok, Address} = inet:parse_address(Ip),
    Mid = {ip4Address, {'IP4Address', tuple_to_list(Address), list_to_integer(Port)}},
    Encoder = case Encoding of "pretty" -> megaco_pretty_text_encoder; _ -> megaco_compact_text_encoder end,
    ok = megaco:start_user(Mid, [{user_mod, ?MODULE}, {encoding_mod, Encoder}, {encoding_config, []},
                                 {protocol_version, 2}, {send_mod, megaco_udp}]),
    Handle = megaco:user_info(Mid, receive_handle),
    {ok, Transport} = megaco_udp:start_transport(),
    {ok, _, _} = megaco_udp:open(Transport, [{port, list_to_integer(Port)}, {udp_options, [{ip, Address}]},
                                             {module, megaco}, {receive_handle, Handle}]),
    io:format("ready~n"),
    Connection = receive {registered, One} -> One after 20000 -> halt(3) end,
    work(Connection, Files, "", ""),
    receive notified -> ok after 10000 -> io:format("no notify~n") end,
    timer:sleep(200),
    halt(0).

work(_, [], _, _) ->
    ok;
work(Connection, [File | Rest], Context, Termination) ->
    {ok, Text} = file:read_file(File),
    Filled = string:replace(string:replace(Text, "CONTEXT", Context, all), "TERMINATION", Termination, all),
    {_, Result} = megaco:call(Connection, actions(iolist_to_binary(Filled)), []),
    case Result of
        {ok, Replies} ->
            Said = text({transactionReply, {'TransactionReply', 1, asn1_NOVALUE, {actionReplies, Replies}}}),
            io:format("reply: ~0p~n", [Said]),
            {NextContext, NextTermination} = names(Said, Context, Termination),
            work(Connection, Rest, NextContext, NextTermination);
        Error ->
            io:format("error: ~0p~n", [Error]),
            halt(4)
    end.

names(Said, "", "") ->
    {match, [Context]} = re:run(Said, "C=([0-9]+)", [{capture, all_but_first, list}]),
    {match, [Termination]} = re:run(Said, "A=([^{}, \n]+)", [{capture, all_but_first, list}]),
    {Context, Termination};
names(_, Context, Termination) ->
    {Context, Termination}.

decoded(Text) ->
    {ok, {'MegacoMessage', _, {'Message', _, _, {transactions, [{_, Part}]}}}} =
        megaco_compact_text_encoder:decode_message([], dynamic, Text),
    Part.

actions(Text) ->
    {'TransactionRequest', _, Actions} = decoded(Text),
    Actions.

text(Part) ->
    Mid = {ip4Address, {'IP4Address', [192, 0, 2, 10], 2944}},
    Message = {'MegacoMessage', asn1_NOVALUE, {'Message', 2, Mid, {transactions, [Part]}}},
    {ok, Text} = megaco_compact_text_encoder:encode_message([], 2, Message),
    binary_to_list(Text).

%% ------------------------------------------------------------------ what megaco calls

handle_connect(_, _) -> ok.

handle_disconnect(_, _, _) -> ok.
handle_syntax_error(_, _, Error) -> io:format("syntax error: ~0p~n", [Error]), reply.
handle_message_error(_, _, Error) -> io:format("message error: ~0p~n", [Error]), no_reply.

handle_trans_request(Connection, _, Actions) ->
    Said = lists:flatten(io_lib:format("~0p", [Actions])),
    case {string:find(Said, "serviceChangeReq"), string:find(Said, "notifyReq")} of
        {nomatch, nomatch} ->
            {discard_ack, {error, 501}};
        {nomatch, _} ->
            Text = text({transactionRequest, {'TransactionRequest', 1, Actions}}),
            io:format("notify: ~0p~n", [Text]),
            {match, [Context, Termination]} =
                re:run(Text, "C=([0-9]+)\\s*\\{\\s*N=([^{}, \n]+)", [{capture, all_but_first, list}]),
            controller ! notified,
            reply(["C=", Context, "{N=", Termination, "}"]);
        _ ->
            io:format("service change~n"),
            controller ! {registered, Connection},
            reply("C=-{SC=ROOT{SV{V=2}}}")
    end.

reply(Actions) ->
    Text = iolist_to_binary(["!/2 [192.0.2.10]:2944 P=1{", Actions, "}"]),
    {actionReplies, Replies} = element(4, decoded(Text)),
    {discard_ack, Replies}.

handle_trans_long_request(_, _, _) -> {discard_ack, {error, 501}}.
handle_trans_reply(_, _, _, _) -> ok.
handle_trans_ack(_, _, _, _) -> ok.
handle_unexpected_trans(_, _, Part) -> io:format("unexpected: ~0p~n", [Part]), ok.
handle_trans_request_abort(_, _, _, _) -> ok.
