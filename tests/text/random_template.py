# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Random templates: expressions and statements of the subset, mostly of fitting kinds, over the input of make_template.py."""

STRINGS = ["'a'", "'b c'", "name", "multi", "spaced", "uni", "''", "'\u00e9\u00c0\u00df'", "'<|x|>'", "list[0]", "dict.k",
           "'a,b,,c'", "'x\\ny'", "'12'", "'1.5'", "bos_token", "people[0].n"]
NUMBERS = ["0", "1", "2", "-1", "3", "num", "real", "1.5", "yes", "true", "10", "-7", "0.1", "1e16"]
LISTS = ["list", "[]", "[1,2,3]", "people", "range(4)", "('a','b')", "[3,1,2]", "nested.a.b", "[none,1]", "dict.items()",
         "dict.keys()", "'abc'", "(1,)", "[[1],[2]]", "[1,'1',true]"]
DICTS = ["dict", "{}", "{'a':1,'b':[1,2]}", "nested", "people[1]", "{1:'x'}", "{'x':none}"]
OTHERS = ["none", "missing", "x.y", "namespace(a=1)", "loop"]
TESTS = ["defined", "undefined", "none", "string", "mapping", "sequence", "iterable", "number", "boolean", "true", "false",
         "integer", "float", "odd", "even", "divisibleby 2", "eq 1", "in [1,2]"]


class Writer:
    def __init__(self, rng):
        self.rng = rng

    def one(self, *makers):
        made = self.rng.choice(makers)
        return made() if callable(made) else made

    def bounds(self):
        if self.rng.random() < 0.3:
            return self.one("0", "1", "-1", "5", "-9")
        parts = [self.one("", "1", "-1", "0", "2", "-3", "100") for _ in range(2)]
        return ":".join(parts + [self.one("", "1", "2", "-1", "-2")] * self.rng.randrange(2))

    def string(self, d):
        if d <= 0 or self.rng.random() < 0.35:
            return self.one(*STRINGS)
        s, e = lambda: self.string(d - 1), lambda: self.any(d - 1)
        return self.one(
            lambda: f"({s()}).strip()", lambda: f"({s()}).strip({self.string(0)})", lambda: f"({s()}).lstrip({self.string(0)})",
            lambda: f"{s()}[{self.bounds()}]", lambda: f"({s()}).upper()", lambda: f"({s()})|title",
            lambda: f"({s()}).replace({self.string(0)}, {self.string(0)})", lambda: f"({s()} ~ {e()})",
            lambda: f"({s()} + {s()})", lambda: f"{self.list(d - 1)}|join({self.string(0)})", lambda: f"({e()})|tojson",
            lambda: f"({e()})|tojson(indent={self.one('1', '2', 'none', '0')})",
            lambda: f"({s()})|{self.one('trim', 'lower', 'upper', 'capitalize', 'string', 'indent', 'reverse', 'e', 'safe')}",
            lambda: f"({e()})|string", lambda: f"({s()})*{self.one('0', '2', '-1')}", lambda: f"({s()} if {e()} else {s()})")

    def number(self, d):
        if d <= 0 or self.rng.random() < 0.4:
            return self.one(*NUMBERS)
        n, e = lambda: self.number(d - 1), lambda: self.any(d - 1)
        return self.one(
            lambda: f"({n()} {self.one('+', '-', '*', '/', '//', '%', '**')} {n()})", lambda: f"({self.list(d - 1)})|length",
            lambda: f"({e()})|int", lambda: f"({e()})|float", lambda: f"-{n()}", lambda: f"({n()})|abs",
            lambda: f"({self.list(d - 1)})|{self.one('min', 'max', 'sum')}",
            lambda: f"({self.string(d - 1)}).{self.one('find', 'count')}({self.string(0)})",
            lambda: f"({self.string(d - 1)})|int({self.number(0)})")

    def list(self, d):
        if d <= 0 or self.rng.random() < 0.35:
            return self.one(*LISTS)
        x, e = lambda: self.list(d - 1), lambda: self.any(d - 1)
        by = lambda *names: repr(self.one(*names))
        return self.one(
            lambda: f"({x()})|list", lambda: f"({x()})|sort", lambda: f"({x()})|reverse|list", lambda: f"{x()}[{self.bounds()}]",
            lambda: f"({x()} + {x()})", lambda: f"({self.string(d - 1)}).split({self.one('', lambda: self.string(0))})",
            lambda: f"({x()})|map({by('upper', 'string', 'length', 'int', 'list', 'first', 'trim', 'tojson')})|list",
            lambda: f"({x()})|select({by('string', 'number', 'odd', 'defined', 'mapping', 'none')})|list",
            lambda: f"({x()})|reject('equalto', {self.any(0)})|list", lambda: f"({x()})|unique|list",
            lambda: f"({self.dict(d - 1)})|dictsort", lambda: f"({self.dict(d - 1)})|items|list",
            lambda: f"({x()})|map(attribute={by('n', 'age', '0', 'tag', 'n.0', 'a.b')})|list", lambda: f"[{e()}, {e()}]",
            lambda: f"people|selectattr({by('n', 'age', 'tag')}{self.one('', ', %r' % 'defined', ', %r, 1' % 'gt')})|list",
            lambda: f"({self.string(d - 1)}).splitlines()")

    def dict(self, d):
        if d <= 0 or self.rng.random() < 0.5:
            return self.one(*DICTS)
        return self.one(lambda: f"{{{self.string(0)}: {self.any(d - 1)}, 'z': {self.any(d - 1)}}}",
                        lambda: f"dict({self.one(*DICTS)}, q={self.any(d - 1)})")

    def truth(self, d):
        e, s = lambda: self.any(d - 1), lambda: self.string(0)
        return self.one(
            lambda: f"({e()} {self.one('==', '!=', '<', '>', '<=', '>=', 'in', 'not in')} {e()})",
            lambda: f"({e()} is {self.one('', 'not ')}{self.one(*TESTS)})", lambda: f"(not {e()})",
            lambda: f"({e()} {self.one('and', 'or')} {e()})", lambda: f"({self.string(d - 1)}).startswith({s()})",
            lambda: f"({self.string(d - 1)}).endswith(({s()}, {s()}))")

    def any(self, d):
        if d <= 0:
            kinds = [lambda: self.string(0), lambda: self.number(0), lambda: self.list(0), lambda: self.dict(0)]
            return self.one(*kinds) if self.rng.random() < 0.9 else self.one(*OTHERS)
        s, n, x = lambda: self.string(d), lambda: self.number(d), lambda: self.list(d)
        return self.one(
            s, s, s, s, n, n, x, x, lambda: self.dict(d), lambda: self.truth(d), lambda: self.truth(d),
            lambda: f"({self.any(d - 1)})|default({self.any(d - 1)}{self.one('', ', true')})",
            lambda: f"({self.list(d - 1)})|{self.one('first', 'last')}", lambda: f"{self.dict(d - 1)}[{self.string(0)}]",
            lambda: f"{self.dict(d - 1)}.{self.one('k', 'a', 'items', 'zz', 'b')}",
            lambda: f"({self.dict(d - 1)}).get({self.string(0)}{self.one('', ', 5')})")

    def tag(self, text):
        return f"{{%{self.one('', '-', '-', '+')} {text} {self.one('', '-')}%}}"

    def choice(self, d):
        return (self.tag(f"if {self.any(2)}") + self.body(d - 1) + self.one("", lambda: self.tag(f"elif {self.any(1)}") + self.body(d - 1)) +
                self.one("", lambda: "{%- else %}" + self.body(d - 1)) + self.tag("endif"))

    def loop(self, d):
        ends = ["", "{{ loop.index }}{{ loop.last }}", "{{ v }}", "{% if loop.first %}{% continue %}{% endif %}",
                "{% if loop.index == 2 %}{% break %}{% endif %}", "{{ loop.nextitem }}{{ loop.previtem }}{{ loop.length }}",
                "{% set q = loop.index %}"]
        return (self.tag(f"for {self.one('v', 'v', 'v', 'a, b')} in {self.list(1)}{self.one('', '', lambda: f' if {self.any(1)}')}") +
                self.body(d - 1) + self.one(*ends) + self.one("", lambda: "{% else %}" + self.body(d - 1)) + self.tag("endfor"))

    def statement(self, d):
        b = lambda: self.body(d - 1)
        put = lambda: f"{{{{{self.one('', '-')} {self.any(2)} {self.one('', '-')}}}}}"
        if d <= 0:
            return put()
        return self.one(
            put, put, put, put, put, put, lambda: self.choice(d), lambda: self.choice(d), lambda: self.loop(d), lambda: self.loop(d),
            lambda: self.tag(f"set {self.one('q', 'v', 'ns.a', 'name')} = {self.any(2)}") + "{{ q }}",
            lambda: f"{{% macro m(p, q=2) %}}{b()}{{{{ p }}}}{{% endmacro %}}{{{{ m({self.any(1)}{self.one('', ', 3', ', q=none')}) }}}}",
            lambda: f"{{% set v %}}{b()}{{% endset %}}{{{{ v }}}}", lambda: f"{{% filter upper %}}{b()}{{% endfilter %}}",
            lambda: f"{{% with q={self.any(1)} %}}{b()}{{% endwith %}}", lambda: f"{{% generation %}}{b()}{{% endgeneration %}}")

    def body(self, d):
        spaces = ["", " ", "\n", "  \n ", "\t", "x", "\n\n  y "]
        return "".join(self.one(*spaces) + self.statement(d) for _ in range(self.rng.randrange(1, 4)))

    def template(self):
        return self.one("", "{% set ns = namespace(a=1) %}") + self.body(2)
