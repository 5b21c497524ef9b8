# SPDX-License-Identifier: Apache-2.0
import pathlib
import tempfile
import unittest

import page_program

PAGE = """# A page

```cpp
int answer() { return 42; }
```

Text, and a command that is neither:

    make

```sh
make
```

```cpp
int main() { std::printf("%d\\n", answer()); }
```

```text
42
```
"""


class PageProgram(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.page = pathlib.Path(folder.name) / "page.md"
        self.page.write_text(PAGE)

    def test_puts_the_code_together_and_names_the_lines(self):
        code = page_program.program(self.page)
        self.assertEqual(code.splitlines(), [
            "#line 4", "int answer() { return 42; }", "",
            "#line 16", 'int main() { std::printf("%d\\n", answer()); }'])

    def test_knows_what_is_printed(self):
        self.assertEqual(page_program.output(self.page), "42\n")

    def test_refuses_a_page_without_main(self):
        self.page.write_text("```cpp\nint answer();\n```\n")
        target = self.page.with_suffix(".cpp")
        self.assertEqual(page_program.main([str(self.page), str(target)]), 1)
        self.assertFalse(target.exists())


if __name__ == "__main__":
    unittest.main()
