"""What is said about files and how their bytes are laid out: the sentence of each code."""

from wording import Sentence, sentence

FILES: dict[str, Sentence] = {
    # JSON
    "no_json_value": sentence("%(value)s is not valid JSON."),
    "write_null_or_finite": sentence("Write null or a finite number instead, or leave the key out."),
    "row_number_too_long": sentence("The row contains a number that is too long to read."),
    "write_long_numbers_as_text": sentence("Write long numbers as text, between quotes."),
    "row_too_long": sentence("The row is longer than %(mebibytes)d MiB, the most that one example may have."),
    "shorten_the_example": sentence(
        "Shorten or split the example. If a line break is missing, put each example on its own line."
    ),
    "row_nested_too_deep": sentence("The row nests brackets more than %(levels)d levels deep."),
    "write_a_flat_list": sentence("Write each example as a flat list of messages."),
    "row_ends_in_a_character": sentence("The row ends in the middle of a character, at byte %(position)d of the line."),
    "upload_the_whole_file": sentence("The file seems to be cut off. Upload the whole file."),
    "byte_not_utf8": sentence("Byte %(position)d of the line (%(byte)s) is not UTF-8."),
    "row_binary": sentence("The row contains a NUL byte, so it is binary data and not text."),
    "save_file_as_utf8_again": sentence("Save the file as UTF-8 and upload it again."),
    "more_after_json": sentence("After the first JSON value, at column %(column)d, something else follows."),
    "put_each_on_its_line": sentence("Put each example on its own line, without a comma after it."),
    "row_begins_otherwise": sentence("The row is not JSON: it begins with %(start)s."),
    "row_not_json": sentence("The row is not JSON: %(cause)s, at column %(column)d."),
    "write_json_objects": sentence('Write each example as one JSON object, with double quotes: {"messages": [...]}.'),
    "expecting_value": sentence("expecting value"),
    "expecting_comma": sentence("expecting ',' delimiter"),
    "expecting_colon": sentence("expecting ':' delimiter"),
    "expecting_name": sentence("expecting property name enclosed in double quotes"),
    "unterminated_string": sentence("unterminated string"),
    "invalid_control_character": sentence("invalid control character"),
    "invalid_escape": sentence("invalid \\escape"),
    "pretty_printed": sentence(
        "The first example spans several lines, but in this format each example takes one line."
    ),
    "write_one_object_a_line": sentence(
        "Write one JSON object a line, or put all of them into one JSON array: [ {...}, {...} ]."
    ),
    "object_not_closed": sentence("The object that starts here is not closed before the end of the file."),
    "cut_off_or_bracket_missing": sentence(
        "The file seems to be cut off, or a bracket or quote is missing. Upload the whole file."
    ),
    "array_not_closed": sentence("The file ends inside the array that begins on line %(begins)d."),
    "cut_off_near_its_end": sentence(
        "The file seems to be cut off, or a bracket or quote is missing near its end. Upload the whole file."
    ),
    "text_after_array": sentence("There is something after the end of the array."),
    "put_all_into_one_array": sentence("Put all examples into one array, or write one object a line without an array."),
    "array_not_json": sentence("The array is not JSON: there is %(what)s."),
    "comma_before_end": sentence("a comma before the array's end"),
    "no_comma_between": sentence("no comma between two examples"),
    "comma_without_example": sentence("a comma with no example before it"),
    "write_the_array": sentence("Write the array as [ {...}, {...} ], with one comma between two examples."),
    "text_not_closed": sentence("A string is not closed before the end of the line."),
    "close_the_text": sentence("Close it with a double quote, and write a line break inside a string as \\n."),
    # Tables
    "table_not_read": sentence(
        "The table cannot be read past this point: a cell is longer than %(mebibytes)d MiB, or a quote is never closed."
    ),
    "close_the_quote": sentence('Close the quote: a quote inside a cell is written twice, "like ""this""".'),
    "table_not_utf8": sentence("At or shortly after this position there is a byte (%(byte)s) that is not UTF-8."),
    "save_table_as_utf8": sentence("Save the table as UTF-8 and upload it again."),
    "too_many_columns": sentence("The first line names %(columns)s columns."),
    "a_table_has_few_columns": sentence("A table has a few columns of text."),
    "column_twice": sentence("The first line names the column %(name)s twice."),
    "name_each_column": sentence("Give each column its own name."),
    "quote_not_closed": sentence("A quote in the row is never closed, so all that follows it would be one cell."),
    "too_many_cells": sentence("The row has %(cells)d cells, but the first line names %(columns)d columns."),
    "too_many_cells_unnamed": sentence("The row has %(cells)d cells, but the first line has %(columns)d."),
    "quote_the_cell": sentence("Put a cell that holds a %(mark)s between double quotes."),
    "take_out_of_cell": sentence("Remove the %(mark)s from the cell."),
    "mark_comma": sentence("comma"),
    "mark_semicolon": sentence("semicolon"),
    "mark_tab": sentence("tab"),
    "mark_bar": sentence("bar"),
    "table_binary": sentence("The table contains a NUL byte, so it is binary data."),
    "upload_text": sentence("Upload text, as UTF-8."),
    "sheets_not_read": sentence("Only the sheet %(sheet)s is read, and not %(others)s."),
    "save_each_sheet": sentence("Save each sheet that has examples as a separate file."),
    "workbook_too_large": sentence("The workbook is too large to read once unpacked."),
    "save_sheet_as_csv": sentence("Save the sheet as CSV (UTF-8) and upload that."),
    "workbook_damaged": sentence("The Excel workbook is damaged or cut off."),
    "save_workbook_again": sentence("Save it again, or save the sheet as CSV (UTF-8)."),
    "parquet_damaged": sentence("The Parquet file is damaged or cut off."),
    "write_parquet_again": sentence("Write it again, or save it as JSONL."),
    "row_group_too_large": sentence("One row group of the Parquet file has %(gibibytes).1f GiB."),
    "write_smaller_groups": sentence("Write it with smaller row groups."),
    # Encodings
    "utf_32": sentence("The file is saved as UTF-32."),
    "save_as_utf8_again": sentence("Save it as UTF-8 and upload it again."),
    "bad_encoding": sentence(
        "The file looks like %(encoding)s, but after %(characters)s characters a byte (%(byte)s) is not valid in it."
    ),
    "say_the_encoding": sentence("Save the file as UTF-8, or say which encoding it has."),
    # Packed files
    "archive_bomb": sentence("The file unpacks to more than %(times)d times its size."),
    "upload_unpacked": sentence("Upload the file without packing it."),
    "archive_locked": sentence("The ZIP archive is locked with a password."),
    "upload_without_password": sentence("Upload the file without a password."),
    "archive_empty": sentence("The ZIP archive contains no file."),
    "choose_the_examples": sentence("Choose the file that has your examples."),
    "archive_of_many": sentence("The ZIP archive contains %(files)d files: %(names)s."),
    "archive_of_more": sentence("The ZIP archive contains %(files)d files: %(names)s and %(more)d more."),
    "upload_each_file": sentence("Upload each file on its own."),
    "archive_damaged": sentence("The %(kind)s archive is damaged or cut off."),
    "pack_again": sentence("Pack the file again, or upload it unpacked."),
    # Files that are not taken
    "upload_accepted": sentence(
        "Upload JSONL, JSON, CSV, TSV, XLSX, Parquet or text, or one of these as .zip, .gz or .zst."
    ),
    "unpack_it": sentence("Unpack it and upload the file inside."),
    "file_is": sentence("The file is %(what)s."),
    "a_bzip2_archive": sentence("a bzip2 archive"),
    "an_xz_archive": sentence("an xz archive"),
    "a_7z_archive": sentence("a 7z archive"),
    "a_rar_archive": sentence("a RAR archive"),
    "an_arrow_file": sentence("an Arrow file"),
    "an_old_office_document": sentence("an old Office document"),
    "a_pdf_document": sentence("a PDF document"),
    "an_image": sentence("an image"),
    "an_sqlite_database": sentence("an SQLite database"),
    "a_python_pickle": sentence("a Python pickle, which could run code and is never opened"),
    "an_office_document": sentence("The file is an Office document."),
    "empty_file": sentence("The file is empty: it has 0 bytes."),
    "web_page": sentence(
        "The file is a web page, not data: a download link may have led to a login. Fetch the file itself."
    ),
    "not_packed": sentence("The file is named %(suffix)s but is not a %(kind)s archive. Upload it under its own name."),
    "nested_archive": sentence("The archive contains another archive."),
    "git_lfs_pointer": sentence("This is a Git LFS pointer, not the data itself."),
    "fetch_from_lfs": sentence("Fetch %(what)s with `git lfs pull` and upload that."),
    "the_real_file": sentence("the real file"),
    "the_real_file_of": sentence("the real file of %(bytes)s bytes"),
}
