"""Executes commands of the controller (H.248.1 clauses 6 and 7.2): in order, until one fails that is not optional."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.h248 import (
    ALL_CONTEXTS,
    CHOOSE_CONTEXT,
    NULL_CONTEXT,
    Command,
    CommandName,
    ContextAction,
    TransactionRequest,
)
from dissectors.h248.model import ServiceChange
from replay.mrfp import audit
from replay.mrfp.configuring import Configuring
from replay.mrfp.node import Node
from replay.mrfp.notices import check_events
from replay.mrfp.refusal import Refusal
from replay.mrfp.terminations import ROOT, Context, Contexts, Termination

MAX_COMMANDS = 1024
"Commands of one transaction."


@dataclass(slots=True)
class _Scope:
    """The contexts of one action."""

    contexts: list[Context]
    "Empty for the null context."
    is_new: bool
    is_binary: bool

    def one(self) -> Context:
        """The one context into which terminations can be put. Refusal 421."""
        if len(self.contexts) != 1:
            raise Refusal(421, "illegal action for this ContextID")
        return self.contexts[0]


Said = list[tuple[int, Command]]
"""Replies, each with the number of its context."""


@dataclass(slots=True)
class Commands:
    """The commands of one gateway."""

    node: Node
    contexts: Contexts
    configuring: Configuring
    hand_off: Callable[[str], bool]
    "The controller sends us to another one (clause 7.2.8)."
    _verbs: dict[CommandName, Callable[[_Scope, Command], Said]] = field(init=False)

    def __post_init__(self) -> None:
        self._verbs = {
            CommandName.ADD: self._add,
            CommandName.MODIFY: self._modify,
            CommandName.MOVE: self._move,
            CommandName.SUBTRACT: self._subtract,
            CommandName.AUDIT_VALUE: self._audit,
            CommandName.AUDIT_CAPABILITY: self._audit,
            CommandName.SERVICE_CHANGE: self._service_change,
        }

    def execute(self, request: TransactionRequest, is_binary: bool) -> list[ContextAction]:
        """Do what a transaction says; returns the replies, the failed command last."""
        replies: list[ContextAction] = []
        count = 0
        for action in request.actions:
            count += len(action.commands)
            if count > MAX_COMMANDS:
                replies.append(ContextAction(action.context_id, error=Refusal(510, "too many commands").descriptor))
                break
            said, goes_on = self._act(action, is_binary)
            replies += said
            if not goes_on:
                break
        return replies

    def remove(self, termination: Termination) -> None:
        """A termination goes."""
        self.configuring.release(termination)
        self.contexts.remove(termination)

    def remove_all(self) -> None:
        """All terminations go."""
        for termination in list(self.contexts.terminations.values()):
            self.remove(termination)

    def _act(self, action: ContextAction, is_binary: bool) -> tuple[list[ContextAction], bool]:
        try:
            scope = self._scope(action, is_binary)
        except Refusal as refusal:
            return [ContextAction(action.context_id, error=refusal.descriptor)], False
        out: dict[int, ContextAction] = {}
        goes_on = True
        for command in action.commands:
            try:
                said = self._verb(command)(scope, command)
            except Refusal as refusal:
                is_made = bool(scope.is_new and scope.contexts[0].terminations)
                number = scope.contexts[0].context_id if is_made else action.context_id
                said = [(number, Command(command.name, command.termination_ids, error=refusal.descriptor))]
                goes_on = command.optional
            for number, reply in said:
                out.setdefault(number, ContextAction(number)).commands.append(reply)
            if not goes_on:
                break
        for context in scope.contexts:
            self.contexts.drop_if_empty(context)
        return list(out.values()) or [ContextAction(action.context_id)], goes_on

    def _verb(self, command: Command) -> Callable[[_Scope, Command], Said]:
        verb = self._verbs.get(command.name)
        if verb is None:
            raise Refusal(443, f"unsupported command {command.name.value}")
        return verb

    def _scope(self, action: ContextAction, is_binary: bool) -> _Scope:
        """The contexts that an action is about, after a look at its properties. Refusal."""
        if action.topology:
            raise Refusal(444, "unsupported descriptor Topology")
        if action.properties:
            raise Refusal(445, f"unsupported property {action.properties[0].name}")
        if action.context_id == NULL_CONTEXT:
            return _Scope([], False, is_binary)
        if action.context_id == CHOOSE_CONTEXT:
            if any(each.name not in (CommandName.ADD, CommandName.MOVE) for each in action.commands[:1]):
                raise Refusal(421, "only Add and Move make a context")
            return _Scope([self.contexts.new_context()], True, is_binary)
        return _Scope(self.contexts.select(action.context_id), False, is_binary)

    # ------------------------------------------------------------------ terminations

    def _add(self, scope: _Scope, command: Command) -> Said:
        context = scope.one()
        said: Said = []
        for wanted in command.termination_ids:
            if wanted.upper() == ROOT or "*" in wanted or "$" not in wanted:
                self._refuse_to_add(wanted)
            termination = self.contexts.add(context, self.contexts.new_name(wanted, scope.is_binary))
            reply = Command(command.name, [termination.name])
            try:
                reply.media = self.configuring.apply(termination, command)
                self._tell(reply, command, termination)
            except Refusal:
                self.configuring.release(termination)
                self.contexts.remove(termination)
                self.contexts.contexts.setdefault(context.context_id, context)
                raise
            said.append((context.context_id, reply))
        return said

    def _refuse_to_add(self, wanted: str) -> None:
        if wanted.lower() in self.contexts.terminations:
            raise Refusal(433, "TerminationID is already in a context")
        if wanted.upper() == ROOT:
            raise Refusal(410, "ROOT cannot be in a context")
        if "*" in wanted:
            raise Refusal(431, "no TerminationID matched a wildcard")
        raise Refusal(430, f"unknown TerminationID {wanted}")

    def _modify(self, scope: _Scope, command: Command) -> Said:
        if command.termination_ids[0].upper() == ROOT:
            return self._modify_root(command)
        return self._for_each(scope, command, self._modify_one)

    def _modify_one(self, termination: Termination, command: Command) -> Command:
        reply = Command(command.name, [termination.name])
        reply.media = self.configuring.apply(termination, command)
        self._tell(reply, command, termination)
        return reply

    def _modify_root(self, command: Command) -> Said:
        media = command.media
        if media is not None and media.streams:
            raise Refusal(447, "descriptor not legal in this command")
        if media is not None and media.termination_state is not None:
            for each in media.termination_state.properties:
                raise Refusal(534, f"read-only property {each.name}")
        if command.signals:
            raise Refusal(513, "no signals on ROOT")
        if command.events is not None and command.events.events:
            names = self.node.config.names
            check_events(command.events, names.tcp_events | names.tls_events)
            raise Refusal(512, "no events on ROOT")
        reply = Command(command.name, [ROOT])
        audit.tell_root(reply, audit.wanted_items(command.audit), self.node.config)
        return [(NULL_CONTEXT, reply)]

    def _move(self, scope: _Scope, command: Command) -> Said:
        context = scope.one()
        said: Said = []
        everywhere = list(self.contexts.contexts.values())
        for wanted in command.termination_ids:
            for termination in self.contexts.find(everywhere, wanted):
                if termination.context is not context:
                    self._change_rooms(termination, context)
                said.append((context.context_id, self._modify_one(termination, command)))
        return said

    def _change_rooms(self, termination: Termination, context: Context) -> None:
        self.contexts.move(termination, context)
        for number, state in termination.streams.items():
            if state.leg is not None and state.leg.room is not None:
                state.leg.room.remove(state.leg)
                context.room(number).add(state.leg)

    def _subtract(self, scope: _Scope, command: Command) -> Said:
        # Without an Audit descriptor the statistics are returned (clause 7.2.4).
        items = {"SA"} if command.audit is None else audit.wanted_items(command.audit)

        def subtract(termination: Termination, command: Command) -> Command:
            reply = Command(command.name, [termination.name])
            audit.tell_termination(reply, items, termination, "GEN-3" not in self.node.faults)
            self.remove(termination)
            return reply

        return self._for_each(scope, command, subtract)

    def _for_each(self, scope: _Scope, command: Command, do: Callable[[Termination, Command], Command]) -> Said:
        """Do something with every termination that a command names; one reply for all where that is asked for."""
        if not scope.contexts:
            raise Refusal(431 if command.is_wildcarded else 430, "no such termination in the null context")
        said: Said = []
        for wanted in command.termination_ids:
            for termination in self.contexts.find(scope.contexts, wanted):
                number = termination.context.context_id
                said.append((number, do(termination, command)))
        if command.wildcard_return and command.is_wildcarded:
            number = scope.contexts[0].context_id if len(scope.contexts) == 1 else ALL_CONTEXTS
            return [(number, Command(command.name, command.termination_ids))]
        return said

    def _tell(self, reply: Command, command: Command, termination: Termination) -> None:
        """Add what an Audit descriptor within another command asks for."""
        items = audit.wanted_items(command.audit)
        if items:
            chosen = reply.media
            audit.tell_termination(reply, items, termination, "GEN-3" not in self.node.faults)
            reply.media = reply.media or chosen

    # ------------------------------------------------------------------ audits and service changes

    def _audit(self, scope: _Scope, command: Command) -> Said:
        items = audit.wanted_items(command.audit)
        is_value = command.name is CommandName.AUDIT_VALUE
        if command.termination_ids[0].upper() == ROOT:
            reply = Command(command.name, [ROOT])
            if is_value:
                audit.tell_root(reply, items, self.node.config)
            else:
                audit.tell_capability(reply, items)
            return [(NULL_CONTEXT, reply)]
        if not is_value and not scope.contexts and command.termination_ids[0] in ("*", "$"):
            reply = Command(command.name, command.termination_ids)
            audit.tell_capability(reply, items)
            return [(NULL_CONTEXT, reply)]

        def tell(termination: Termination, command: Command) -> Command:
            reply = Command(command.name, [termination.name])
            if is_value:
                audit.tell_termination(reply, items, termination, "GEN-3" not in self.node.faults)
            else:
                audit.tell_capability(reply, items)
            return reply

        return self._for_each(scope, command, tell)

    def _service_change(self, scope: _Scope, command: Command) -> Said:
        change = command.service_change
        if change is None:
            raise Refusal(442, "syntax error in command: no Services descriptor")
        method = change.method.lower()
        if command.termination_ids[0].upper() == ROOT:
            if method == "handoff" and change.mgc_id_to_try:
                if not self.hand_off(change.mgc_id_to_try):
                    raise Refusal(449, "unsupported or unknown parameter or property value: MgcIdToTry")
            elif method == "forced":
                self.remove_all()
            elif method not in ("restart", "graceful"):
                raise Refusal(501, f"ServiceChange {change.method} is not implemented")
            return [(NULL_CONTEXT, Command(command.name, [ROOT], service_change=ServiceChange()))]
        if method not in ("forced", "graceful", "restart"):
            raise Refusal(501, f"ServiceChange {change.method} is not implemented")

        def serve(termination: Termination, command: Command) -> Command:
            termination.service_state = "InService" if method == "restart" else "OutOfService"
            return Command(command.name, [termination.name])

        return self._for_each(scope, command, serve)
