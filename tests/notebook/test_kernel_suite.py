"""What Jupyter's own suite asks of every kernel, asked of "Python (sandboxed)"."""

import os
from pathlib import Path

import jupyter_kernel_test
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from traitlets.config import Config

SPECS = Path(__file__).parents[2] / "jupyter-config" / "kernels"


class TestSandboxedKernel(jupyter_kernel_test.KernelTests):
    kernel_name = "sandbox-python"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]  # noqa: RUF012 - as in the base, and below
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]  # noqa: RUF012
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]  # noqa: RUF012
    invalid_code_samples = ["import = 7q"]  # noqa: RUF012
    code_generate_error = "raise"
    code_execute_result = [  # noqa: RUF012
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    ]
    code_display_data = [  # noqa: RUF012
        {"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('\\\\frac{1}{2}'))", "mime": "text/latex"},
    ]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"

    test_pager = None  # payloads are empty: a page is text in the cell, for a payload could fill the next cell's input

    @classmethod
    def setUpClass(cls):
        cls.km = KernelManager(
            kernel_name=cls.kernel_name,
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(SPECS)]),
            config=Config(KernelManager={"transport_encryption": "auto"}),
        )
        cls.km.start_kernel(env=os.environ | {"SANDBOX_MAGIC_KERNEL_OPTIONS": "--workspace none"})
        cls.kc = cls.km.client()
        cls.kc.start_channels()
        cls.kc.wait_for_ready(timeout=60)

    @classmethod
    def tearDownClass(cls):
        cls.kc.stop_channels()
        cls.km.shutdown_kernel(now=True)
        cls.km.cleanup_resources()
