"""Write files as C: for SCons, as an action of env.Command()."""

import base64
import hashlib
import os

HEAD = """\
/* Made by tools/rest/docs/embed.py of the files in that folder. */

#include "tools/rest/docs_files.h"

#include <string.h>
"""

TAIL = """
const struct docs_file *
docs_file(const char *name)
{
	const struct docs_file *file = docs_files;

	while (file->name != NULL && strcmp(file->name, name) != 0)
		file++;
	return file->name != NULL ? file : NULL;
}
"""


def array(number, data):
    """The bytes of DATA; a literal would be longer than compilers must take."""
    lines = [",".join(str(byte if byte < 128 else byte - 256) for byte in data[i:i + 24])
             for i in range(0, len(data), 24)]
    return "\nstatic const char file%d[] = {\n%s,0\n};\n" % (number, ",\n".join(lines))


def embed(target, source, env):
    arrays, rows = "", ""
    for number, node in enumerate(source):
        data = node.get_contents()
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        arrays += array(number, data)
        rows += '\t{ "%s", file%d, %d, "%s" },\n' % (
            os.path.basename(str(node)), number, len(data), digest)
    with open(str(target[0]), "w") as file:
        file.write("%s%s\nconst struct docs_file docs_files[] = {\n%s\t{ NULL, NULL, 0, NULL }\n"
                   "};\n%s" % (HEAD, arrays, rows, TAIL))
