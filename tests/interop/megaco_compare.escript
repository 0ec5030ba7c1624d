%% Reads lines "NAME KIND FILE FILE" from standard input, decodes both files with OTP's megaco and says for each line
%% whether the terms are the same: "NAME KIND same", "NAME KIND differ TERM TERM" or "NAME KIND refused WHICH REASON".
main(_) ->
    _ = application:load(megaco),
    loop(io:get_line("")).

loop(eof) ->
    ok;
loop(Line) ->
    [Name, Kind, First, Second] = string:lexemes(Line, " \n"),
    Decoder = decoder(Kind),
    Verdict =
        case {decode(Decoder, First), decode(Decoder, Second)} of
            {{ok, A}, {ok, B}} ->
                case {plain(A), plain(B)} of
                    {Same, Same} -> "same";
                    {One, Other} -> io_lib:format("differ ~0p ~0p", [One, Other])
                end;
            {{ok, _}, Error} -> io_lib:format("refused second ~0p", [Error]);
            {Error, _} -> io_lib:format("refused first ~0p", [Error])
        end,
    io:format("~s ~s ~ts~n", [Name, Kind, Verdict]),
    loop(io:get_line("")).

decoder("compact") -> megaco_compact_text_encoder;
decoder("pretty") -> megaco_pretty_text_encoder;
decoder("ber") -> megaco_ber_encoder.

decode(Decoder, File) ->
    {ok, Octets} = file:read_file(File),
    try Decoder:decode_message([], dynamic, Octets)
    catch _:Reason -> {error, Reason}
    end.

%% OTP hands out the octets of a value as they are. The standard asks for BER in them: taken off here.
%% White space at the ends of an SDP value is no part of its meaning.
plain({'PropertyParm', Name, Values, Extra}) ->
    {'PropertyParm', Name, [string:trim(value(V)) || V <- Values], Extra};
plain({'EventParameter', Name, Values, Extra}) ->
    {'EventParameter', Name, [value(V) || V <- Values], Extra};
plain({'SigParameter', Name, Values, Extra}) ->
    {'SigParameter', Name, [value(V) || V <- Values], Extra};
plain({'StatisticsParameter', Name, Values}) when is_list(Values) ->
    {'StatisticsParameter', Name, [value(V) || V <- Values]};
plain(Term) when is_tuple(Term), element(1, Term) =:= 'ServiceChangeParm' ->
    list_to_tuple([reason(Part) || Part <- tuple_to_list(Term)]);
plain(Term) when is_tuple(Term) ->
    list_to_tuple([plain(Part) || Part <- tuple_to_list(Term)]);
plain(Term) when is_list(Term) ->
    [plain(Part) || Part <- Term];
plain(Term) ->
    Term.

reason([Value]) when is_list(Value) -> [value(Value)];
reason(Other) -> plain(Other).

value([2, Size | Octets]) when Size =:= length(Octets) ->
    Bits = Size * 8,
    <<Number:Bits/signed>> = list_to_binary(Octets),
    integer_to_list(Number);
value([Tag, Size | Octets]) when Tag < 32, Size =:= length(Octets) ->
    Octets;
value([Tag, 16#81, Size | Octets]) when Tag < 32, Size =:= length(Octets) ->
    Octets;
value(Other) ->
    Other.
