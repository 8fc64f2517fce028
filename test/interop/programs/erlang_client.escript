%% -*- erlang -*-
%%! -kernel logger_level error
%% A client on Erlang's ssh that sends to a device that echoes. Words: host, port, user, method, password, directory of
%% keys, socket of an agent, bytes, channels, milliseconds of silence, whether it exchanges keys, whether it holds, and
%% a task as JSON that it does not read.
-module(erlang_client).
-mode(compile).
-export([main/1]).

main([Host, Port, User, Method, Password, UserDir, Agent, Bytes, Channels, Idle, Rekey, Hold | _]) ->
    {ok, _} = application:ensure_all_started(ssh),
    Proof = case Method of
        "password" -> [{auth_methods, Method}, {password, Password}];
        "keyboard-interactive" -> [{auth_methods, Method}, {password, Password}];
        "agent" -> [{auth_methods, "publickey"}, {key_cb, {ssh_agent, [{socket_path, Agent}]}}];
        _ -> [{auth_methods, "publickey"}]
    end,
    {ok, Connection} = ssh:connect(Host, list_to_integer(Port), [
        {user, User}, {user_dir, UserDir}, {silently_accept_hosts, true}, {save_accepted_host, false},
        {user_interaction, false} | Proof], 20000),
    All = [open(Connection) || _ <- lists:seq(1, list_to_integer(Channels))],
    Sent = maps:from_list([{Channel, pattern(list_to_integer(Bytes), Channel)} || Channel <- All]),
    echo(Connection, Sent, Rekey =:= "true"),
    case list_to_integer(Idle) of
        0 -> ok;
        Silence ->
            timer:sleep(Silence),
            echo(Connection, maps:from_list([{Channel, pattern(1000, Channel)} || Channel <- All]), false)
    end,
    io:format("echoed~n"),
    Hold =:= "true" andalso timer:sleep(600000),
    Statuses = [status(Connection, Channel) || Channel <- All],
    ssh:close(Connection),
    io:format("statuses ~w~n", [Statuses]).

open(Connection) ->
    {ok, Channel} = ssh_connection:session_channel(Connection, 20000),
    success = ssh_connection:subsystem(Connection, Channel, "netconf", 20000),
    Channel.

pattern(Size, Seed) ->
    << <<(At * 2654435761 + Seed * 97):32>> || At <- lists:seq(0, Size div 4 - 1) >>.

echo(Connection, Sent, Rekey) ->
    [spawn_link(fun() -> ok = ssh_connection:send(Connection, Channel, Data, 60000) end) ||
        {Channel, Data} <- maps:to_list(Sent)],
    hear(Connection, Sent, maps:map(fun(_, _) -> [] end, Sent), maps:map(fun(_, Data) -> byte_size(Data) end, Sent), Rekey).

hear(Connection, Sent, Heard, Left, Rekey) ->
    case lists:sum(maps:values(Left)) of
        0 -> Sent = maps:map(fun(_, Parts) -> iolist_to_binary(Parts) end, Heard), ok;
        Rest ->
            receive
                {ssh_cm, Connection, {data, Channel, 0, Data}} ->
                    ssh_connection:adjust_window(Connection, Channel, byte_size(Data)),
                    Now = Rekey andalso Rest < 2000000,
                    Now andalso ssh_connection_handler:renegotiate(Connection),
                    hear(Connection, Sent,
                        maps:update_with(Channel, fun(Parts) -> [Parts, Data] end, Heard),
                        maps:update_with(Channel, fun(Size) -> Size - byte_size(Data) end, Left),
                        Rekey andalso not Now);
                {ssh_cm, Connection, {closed, _}} -> error(closed)
            after 40000 -> error({silence, Rest})
            end
    end.

status(Connection, Channel) ->
    ssh_connection:send_eof(Connection, Channel),
    receive {ssh_cm, Connection, {exit_status, Channel, Status}} -> Status after 20000 -> error(no_status) end.
