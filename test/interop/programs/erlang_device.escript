%% -*- erlang -*-
%%! -kernel logger_level error
%% A server on Erlang's ssh: echoes on its subsystem netconf, and ends that with an exit status.
%% Words: directory of host keys, directory of authorized_keys, password, status, bytes between key exchanges.
-module(erlang_device).
-mode(compile).
-behaviour(ssh_server_channel).
-export([main/1, init/1, handle_msg/2, handle_ssh_msg/2, terminate/2]).
-record(echo, {status, limit, heard = 0}).

main([SystemDir, UserDir, Password, Status, Limit]) ->
    {ok, _} = application:ensure_all_started(ssh),
    Echo = #echo{status = list_to_integer(Status), limit = infinity},
    %% Its own rekey_limit is looked at once a minute; an atom is more than any number.
    Ports = [{Name, listen(SystemDir, UserDir, Password, Echoes, Methods)} ||
        {Name, Echoes, Methods} <- [
            {"usual", Echo, "publickey,password"},
            {"typed", Echo, "keyboard-interactive"},
            {"rekey", Echo#echo{limit = list_to_integer(Limit)}, "publickey,password"}]],
    io:format("ports {~s}~n", [lists:join(",", [io_lib:format("\"~s\":~b", [Name, Port]) || {Name, Port} <- Ports])]),
    timer:sleep(infinity).

listen(SystemDir, UserDir, Password, Echo, Methods) ->
    {ok, Daemon} = ssh:daemon({127, 0, 0, 1}, 0, [
        {system_dir, SystemDir},
        {user_dir, UserDir},
        {pwdfun, fun(User, Given) -> lists:member(User, ["password", "typed"]) andalso Given =:= Password end},
        {subsystems, [{"netconf", {?MODULE, [Echo]}}]},
        {max_sessions, 100},
        {auth_methods, Methods},
        {parallel_login, true}]),
    {ok, Info} = ssh:daemon_info(Daemon),
    proplists:get_value(port, Info).

init([Echo]) -> {ok, Echo}.

handle_msg(_, Echo) -> {ok, Echo}.

handle_ssh_msg({ssh_cm, Connection, {data, Channel, 0, Data}}, Echo = #echo{heard = Before, limit = Limit}) ->
    ssh_connection:send(Connection, Channel, Data),
    Heard = Before + byte_size(Data),
    case Heard < Limit of
        true -> {ok, Echo#echo{heard = Heard}};
        false ->
            ssh_connection_handler:renegotiate(Connection),
            {ok, Echo#echo{heard = 0}}
    end;
handle_ssh_msg({ssh_cm, Connection, {eof, Channel}}, Echo = #echo{status = Status}) ->
    ssh_connection:exit_status(Connection, Channel, Status),
    ssh_connection:send_eof(Connection, Channel),
    {stop, Channel, Echo};
handle_ssh_msg(_, Echo) -> {ok, Echo}.

terminate(_, _) -> ok.
