"""What a chapter asserts about numbers was measured on the bundled model and data. Where others are read (profile full,
``COURSE_DATASETS``), a failed assertion is a remark: it says what came out otherwise, and Run All goes on.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Remarks(ast.NodeTransformer):
    """Turns ``assert test`` into ``if not test: print(...)`` in the cells of a notebook; imported modules keep theirs."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """The remark in place of one assertion."""
        sentence = f"Other than in profile mini, this does not hold here: {ast.unparse(node.test)}"
        say = ast.Expr(ast.Call(ast.Name("print", ast.Load()), [ast.Constant(sentence)], []))
        remark = ast.If(ast.UnaryOp(ast.Not(), node.test), [say], [])
        return ast.fix_missing_locations(ast.copy_location(remark, node))


def assertions_as_remarks(shell: InteractiveShell | None) -> None:
    """Let the notebook that runs in ``shell`` go on after a failed assertion; without a notebook, or twice, nothing happens."""
    if shell is not None and not any(isinstance(known, Remarks) for known in shell.ast_transformers):
        shell.ast_transformers.append(Remarks())
