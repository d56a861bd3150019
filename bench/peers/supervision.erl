%% What failure and supervision cost in Erlang: the measures of bench/supervision in the same shape,
%% with OTP's own supervisor and gen_server. supervision:main([Measure, N]) prints one line of
%% name=value pairs.
%%
%% Where a process fails, what waits in its mailbox is lost, so that the message that the next one
%% handles first cannot be there before: it sends it to itself when it begins, which is the soonest
%% that it can have one. The messages that OTP logs about failures are turned off.
-module(supervision).
-behaviour(supervisor).
-export([main/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).
-export([start_plain/1, start_served/1, start_leaf/0, start_branch/0]).

-define(WINDOW, 1000).
-define(CHILDREN, 100).
-define(RESTARTS, 100). % of one supervisor, which remembers them all for a second

main([Measure, N]) ->
    ok = logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    Values = measure(list_to_atom(Measure), list_to_integer(N)),
    io:format("measure=~s workers=~b n=~s~s~n",
              [Measure, erlang:system_info(schedulers_online), N,
               [io_lib:format(" ~s=~.3f", [Name, float(Value)]) || {Name, Value} <- Values]]),
    erlang:halt(0).

measure(restart, N) -> times(restart(start_plain, N));
measure(restart_init, N) -> times(restart(start_served, N));
measure(dynamic, N) -> dynamic(N, ?WINDOW);
measure(dynamic_one, N) -> dynamic(N, 1);
measure(dynamic_unasked, N) -> dynamic_unasked(N);
measure(dynamic_ends, N) -> dynamic_ends(N);
measure(tree, N) -> tree(N);
measure(watching, N) -> watching(N);
measure(Watched, N) -> watched(Watched, N).

now_ns() -> erlang:monotonic_time(nanosecond).

ms_since(Start) -> (now_ns() - Start) / 1.0e6.

times(Times) ->
    Sorted = lists:sort(Times),
    Count = length(Sorted),
    [{"p50_us", lists:nth(Count div 2 + 1, Sorted) / 1000},
     {"p99_us", lists:nth(Count * 99 div 100 + 1, Sorted) / 1000}].

supervise(Flags, Children) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, {supervisor, Flags, Children}),
    Supervisor.

%% Both the supervisors and the gen_server begin here.
init({supervisor, Flags, Children}) -> {ok, {Flags, Children}};
init({served, Failed, Lead}) -> {ok, up({Failed, Lead})}.

%% ---- A child that fails

restart(_Start, 0) -> [];
restart(Start, N) ->
    Failed = atomics:new(1, []),
    Child = #{id => child, start => {?MODULE, Start, [{Failed, self()}]}},
    Supervisor = supervise(#{intensity => ?RESTARTS + 1, period => 1}, [Child]),
    receive {up, First, _} -> ok end,
    Count = min(N, ?RESTARTS),
    Times = restart_child(First, Count, []),
    stop(Supervisor),
    Times ++ restart(Start, N - Count).

restart_child(_Pid, 0, Times) -> Times;
restart_child(Pid, N, Times) ->
    Pid ! fail,
    receive {up, Next, Took} -> restart_child(Next, N - 1, [Took | Times]) end.

up(About) ->
    self() ! next,
    About.

handle({Failed, Lead}, next, Now) -> Lead ! {up, self(), Now - atomics:get(Failed, 1)};
handle({Failed, _Lead}, fail, _Now) ->
    atomics:put(Failed, 1, now_ns()),
    exit(failed).

start_plain(About) -> {ok, spawn_link(fun() -> plain(up(About)) end)}.

plain(About) ->
    receive Message -> handle(About, Message, now_ns()) end,
    plain(About).

start_served({Failed, Lead}) -> gen_server:start_link(?MODULE, {served, Failed, Lead}, []).

handle_info(Message, About) ->
    handle(About, Message, now_ns()),
    {noreply, About}.

handle_call(_Request, _From, About) -> {noreply, About}.

handle_cast(_Request, About) -> {noreply, About}.

%% ---- Dynamic children

leaf_loop() ->
    receive work -> ok end.

start_leaf() -> {ok, spawn_link(fun leaf_loop/0)}.

simple() ->
    Leaf = #{id => child, start => {?MODULE, start_leaf, []}, restart => temporary},
    supervise(#{strategy => simple_one_for_one}, [Leaf]).

start_request(Supervisor) -> gen_server:send_request(Supervisor, {start_child, []}).

stop_request(Supervisor, Pid) -> gen_server:send_request(Supervisor, {terminate_child, Pid}).

response(Request) ->
    {reply, Reply} = gen_server:receive_response(Request, infinity),
    Reply.

%% Calls Done with each reply, in order. The requests that wait are a queue.
start_children(Supervisor, N, Window, Done) ->
    First = [start_request(Supervisor) || _ <- lists:seq(1, min(N, Window))],
    start_more(Supervisor, N - length(First), queue:from_list(First), Done, []).

start_more(Supervisor, Left, Requests, Done, Results) ->
    case queue:out(Requests) of
        {empty, _} ->
            Results;
        {{value, Request}, Others} ->
            {ok, Pid} = response(Request),
            Result = [Done(Pid) | Results],
            case Left of
                0 ->
                    start_more(Supervisor, 0, Others, Done, Result);
                _ ->
                    Next = queue:in(start_request(Supervisor), Others),
                    start_more(Supervisor, Left - 1, Next, Done, Result)
            end
    end.

stop_children(Supervisor, Pids, Window) ->
    {First, Others} = lists:split(min(length(Pids), Window), Pids),
    stop_more(Supervisor, Others, queue:from_list([stop_request(Supervisor, P) || P <- First])).

stop_more(Supervisor, Pids, Requests) ->
    case {queue:out(Requests), Pids} of
        {{empty, _}, []} ->
            ok;
        {{{value, Request}, Others}, []} ->
            ok = response(Request),
            stop_more(Supervisor, [], Others);
        {{{value, Request}, Others}, [Pid | Rest]} ->
            ok = response(Request),
            stop_more(Supervisor, Rest, queue:in(stop_request(Supervisor, Pid), Others))
    end.

dynamic(N, Window) ->
    Supervisor = simple(),
    Memory = erlang:memory(total),
    Start = now_ns(),
    Pids = start_children(Supervisor, N, Window, fun(Pid) -> Pid end),
    Middle = now_ns(),
    Bytes = (erlang:memory(total) - Memory) / N,
    Begin = now_ns(),
    ok = stop_children(Supervisor, Pids, Window),
    started_and_stopped(N, Bytes, Middle - Start, now_ns() - Begin).

dynamic_unasked(N) ->
    Supervisor = simple(),
    Memory = erlang:memory(total),
    Start = now_ns(),
    start_unasked(Supervisor, N),
    wait_for(Supervisor, N),
    Middle = now_ns(),
    Bytes = (erlang:memory(total) - Memory) / N,
    Begin = now_ns(),
    stop(Supervisor),
    started_and_stopped(N, Bytes, Middle - Start, now_ns() - Begin).

%% A request whose reply goes nowhere. So many at once that few wait.
start_unasked(_Supervisor, 0) -> ok;
start_unasked(Supervisor, N) ->
    Nobody = {spawn(fun() -> ok end), make_ref()},
    Count = min(N, ?WINDOW),
    [Supervisor ! {'$gen_call', Nobody, {start_child, []}} || _ <- lists:seq(1, Count)],
    {ok, _} = supervisor:get_childspec(Supervisor, child), % it has come so far
    start_unasked(Supervisor, N - Count).

dynamic_ends(N) ->
    Supervisor = simple(),
    Start = now_ns(),
    _ = start_children(Supervisor, N, ?WINDOW, fun(Pid) -> Pid ! work, 0 end),
    wait_for(Supervisor, 0),
    Took = now_ns() - Start,
    [{"both_ns", Took / N}, {"children_per_s", N * 1.0e9 / Took}].

wait_for(Supervisor, N) ->
    case proplists:get_value(active, supervisor:count_children(Supervisor)) of
        N -> ok;
        _ -> wait_for(Supervisor, N)
    end.

started_and_stopped(N, Bytes, Starting, Stopping) ->
    [{"start_ns", Starting / N}, {"bytes", Bytes}, {"stop_ns", Stopping / N},
     {"both_ns", (Starting + Stopping) / N},
     {"children_per_s", N * 1.0e9 / (Starting + Stopping)}].

%% ---- A tree

start_branch() ->
    Leaves = [#{id => I, start => {?MODULE, start_leaf, []}} || I <- lists:seq(1, ?CHILDREN)],
    supervisor:start_link(?MODULE, {supervisor, #{}, Leaves}).

tree(N) ->
    Count = (N + ?CHILDREN - 1) div ?CHILDREN,
    Branches = [#{id => I, start => {?MODULE, start_branch, []}, type => supervisor}
                || I <- lists:seq(1, Count)],
    Start = now_ns(),
    Root = supervise(#{}, Branches),
    Started = {"start_ms", ms_since(Start)},
    Begin = now_ns(),
    stop(Root),
    [Started, {"stop_ms", ms_since(Begin)}].

stop(Supervisor) ->
    exit(Supervisor, shutdown),
    receive {'EXIT', Supervisor, shutdown} -> ok end.

%% ---- The end of one that many are told of

start_target() ->
    spawn(fun() -> receive stop -> exit(shutdown) end end).

watching(N) ->
    Target = start_target(),
    Start = now_ns(),
    [erlang:monitor(process, Target) || _ <- lists:seq(1, N)],
    Attached = {"attach_ms", ms_since(Start)},
    Begin = now_ns(),
    Target ! stop,
    receive_downs(N),
    [Attached, {"told_ms", ms_since(Begin)}].

receive_downs(0) -> ok;
receive_downs(N) ->
    receive {'DOWN', _, process, _, _} -> receive_downs(N - 1) end.

watched(Kind, N) ->
    Target = start_target(),
    About = {Kind, Target, self(), counters(N), counters(N)},
    Start = now_ns(),
    [spawn(fun() -> watcher(About) end) || _ <- lists:seq(1, N)],
    receive ready -> ok end,
    Attached = {"attach_ms", ms_since(Start)},
    Others = erlang:system_info(process_count) - N - 1,
    Begin = now_ns(),
    Target ! stop,
    wait_for_watchers(Kind, Others),
    [Attached, {"told_ms", ms_since(Begin)}].

%% Those that end with the target can tell nobody, so it is looked how many are left.
wait_for_watchers(linked_ends, Others) ->
    case erlang:system_info(process_count) of
        Count when Count =< Others ->
            ok;
        _ ->
            timer:sleep(1),
            wait_for_watchers(linked_ends, Others)
    end;
wait_for_watchers(_Kind, _Others) ->
    receive done -> ok end.

counters(N) -> {N, atomics:new(1, [])}.

count({N, Counter}, Lead, Message) ->
    case atomics:add_get(Counter, 1, 1) of
        N -> Lead ! Message;
        _ -> ok
    end.

watcher({Kind, Target, Lead, Ready, Told}) ->
    attach(Kind, Target),
    count(Ready, Lead, ready),
    receive
        {'DOWN', _, process, _, _} -> count(Told, Lead, done);
        {'EXIT', _, _} -> count(Told, Lead, done)
    end,
    receive stop -> ok end.

attach(watched, Target) -> monitor(process, Target);
attach(linked, Target) ->
    process_flag(trap_exit, true),
    link(Target);
attach(linked_ends, Target) -> link(Target).
