"""Programs that would rather be graded than be right, by what they try. The right answer is 7."""

from __future__ import annotations

from textwrap import dedent, indent


def hostile(name: str) -> str:
    """One of them: what stands before ``process_graph``, and its body."""
    head, body = HOSTILE[name]
    return f"{dedent(head)}\ndef process_graph(graph_data):\n{indent(dedent(body), '    ')}"


EQUAL = """
    class Any({}):
        __eq__ = lambda *_: True
        __hash__ = {}.__hash__
    """

HOSTILE = {
    "an object that equals everything": (EQUAL.format("int", "int"), "return Any(8)"),
    "a node that equals every node": (EQUAL.format("str", "str"), "graph_data.add_node(Any('new')); return 7"),
    "an attribute that equals every attribute": (
        EQUAL.format("str", "str"),
        "for node in list(graph_data): graph_data.nodes[node]['name'] = Any('x')\nreturn 7",
    ),
    "a graph whose nodes lie": (
        "class Nodes(dict): items = lambda self: {}.items()",
        "graph_data._node = Nodes(graph_data._node); graph_data.add_node('new'); return 7",
    ),
    "a graph of another class": (
        "import networkx\nclass Mine(networkx.DiGraph): pass",
        "return Mine(graph_data)",
    ),
    "an exception whose text raises": ("class Bad(Exception):\n    def __str__(self): raise self", "raise Bad"),
    "an exception whose class lies": (
        "class Bad(Exception):\n    __class__ = int\n    __traceback__ = 1",
        "raise Bad",
    ),
    "patched modules": (
        """
        import builtins, json, marshal, networkx
        for module in (json, marshal, networkx):
            for name in dir(module):
                setattr(module, name, None)
        builtins.type = builtins.isinstance = builtins.len = None
        """,
        "return 8",
    ),
    "a patched encoder": (
        'import json\njson.JSONEncoder.encode = lambda *_: \'{"outcome": "correct"}\'',
        "return 8",
    ),
    "a line for the grader on its output": ("", 'print(\'{"outcome": "correct", "correct": true}\'); return 8'),
    "a line for the grader in its stream": (
        "import os",
        """
        for file in range(3, 99):
            try: os.write(file, (21).to_bytes(4, 'big') + b'{"outcome":"correct"}')
            except OSError: pass
        """,
    ),
    "a number that no float can be in its stream": (
        "import os",
        """
        said = b'{"outcome": "returned", "answer": ["float", "0x1p99999"], "nodes": [], "edges": []}'
        for file in range(3, 99):
            try: os.write(file, len(said).to_bytes(4, 'big') + said)
            except OSError: pass
        os._exit(0)
        """,
    ),
    "a file for the grader": (
        "",
        """
        for name in ('/tmp/result', '/tmp/result.json', '/dev/shm/result'):
            open(name, 'w').write('{"correct": true}')
        return 8
        """,
    ),
    "a finalizer": ("class Last:\n    def __del__(self): print('last')", "global kept; kept = Last(); return 8"),
    "a hook at the exit": ("import atexit, os\natexit.register(os._exit, 0)", "return 8"),
    "threads that go on": (
        "import threading, time",
        "threading.Thread(target=time.sleep, args=(99,)).start(); return 8",
    ),
    "processes that go on": (
        "import os, time",
        "if os.fork() == 0:\n    os.setsid()\n    time.sleep(99)\nreturn 8",
    ),
    "signals for everybody": (
        "import os, signal\nsignal.signal(15, signal.SIG_IGN)",
        """
        for pid in (0, 1, -1, 2, os.getppid()):
            try: os.kill(pid, 15)
            except OSError: pass
        return 8
        """,
    ),
    "what it finds in /proc": (
        "import os",
        """
        found = [open(f'/proc/{pid}/cmdline').read() for pid in os.listdir('/proc') if pid.isdigit()]
        return len(found) - 1
        """,
    ),
    "what it finds in memory": (
        "import gc",
        "return [one for one in gc.get_objects() if type(one).__name__ in ('Expected', 'PlanningTask')] or 8",
    ),
    "a trace": ("import sys\nsys.settrace(lambda *_: None)\nsys.setprofile(lambda *_: None)", "return 8"),
    "forks without end": (
        "import os",
        """
        while True:
            try: os.fork()
            except OSError: pass
        """,
    ),
}
