"""What the command line says of masks, boxes, answers and texts."""

from __future__ import annotations

PANEL = "Masks, boxes, answers and texts"
TARGET_PATH = (
    "Where the targets lie, if apart from DATA: the folder of masks; the text file whose lines belong to DATA's; "
    "the json file, or the folder of xml or txt files, of the boxes."
)
SETTING = (
    "A setting of the task, such as decoder=fpn, ignore=11 or tiles=true. May be given several times. What there is: "
    "the task's own page."
)
SETTING_FORM = "--set is NAME=VALUE, such as ignore=11, got {given!r}."
SETTING_NEEDS_TASK = "--set {given} sets the task; name it with --task.{hint}"
SETTING_OPTION = " {flag} is an option of its own."
FIT_NO_LABELS = "{{option}} is for labels that have names; --task {task} takes a checkpoint as it is. Leave it out."
SETTING_UNKNOWN = "--set {given}: {task} has no setting {name!r}.{hint} It has: {known}."

FIT_OTHER_LABELS = (
    "{data}: {where} holds {label}, which is not among --labels ({names}). Name it there, or leave it out."
)
FIT_EMPTY_LABEL = "--labels must be names between commas, none of them empty, got {labels}."
FIT_TASK_NOT_CELL = "--task {task} needs a pretrained network: name one with --backbone, and leave --cell out."

PREDICT_OUT = (
    "A .csv, .tsv or .parquet file; of tokens also .conll or .txt. Masks: a new folder; of one picture also .png. "
    "Boxes: also .json (COCO results). Answers: also .json. Texts: also .txt, and of recordings .srt or a new folder "
    "of them. Without it, the terminal."
)
OUT_NO_PICTURE = (
    "--out must end in .png, whose numbers stay as they are, or be a new folder for several masks, got '{out}'. "
    "Name it {name}.png, or {name}."
)
NO_BLANKS = "{same:,} of {total:,} texts have no blank ([MASK], <mask> or ___) and stay as they are"
OUT_MUST = "--out must {folder}end in {ends} for this model, got '{out}'."
NEW_FOLDER = "be a new folder, whose name has no suffix, or "
PNG_ONE = "--out: a .png file is for one mask, and there are {n:,} pictures. Name a new folder, such as --out {folder}."
MASKS = "{masks}, with the numbers of the masks learned from"
BOXES = "{n:,} boxes of {pictures:,} pictures, as pycocotools reads results (loadRes)"
ANSWERS = "{n:,} answers"
ANSWERS_ONE_NAME = (
    "{name}: two questions are called {twice}, and {out} holds one answer by each name. Call them by different names, "
    "or write a .csv file."
)
TEXTS = "{n:,} texts, one on each line"
TEXTS_EMPTY = "; {lines} {verb} empty, as DATA has no text there"
SUBTITLES = "subtitles of {n:,} recordings"
MASK_NUMBERS = (
    "{name}: a PNG file holds numbers from 0 to 65,535, and the mask has {low} to {top}. Write a table, masks.csv."
)
SRT_ONE = "--out: a .srt file is for one recording, and there are {n:,}. Name a new folder, such as --out {folder}."
SRT_SOUNDS = (
    "--out: subtitles{folder} are for recordings, and this model reads {items}. Name a file that ends in {ends}, got "
    "'{out}'."
)
SRT_FOLDER = ", or a folder of them,"
CHANCE = " (chance: {chance:.4f}, the best constant answer)"

NO_TARGETS = {
    "masks": "put the pictures into images/ and their masks, of the same names, into masks/, or name their folder: "
    "--masks FOLDER; of one picture its mask: --masks FILE",
    "boxes": "name a COCO json file, a Pascal VOC folder (JPEGImages, Annotations) or a YOLO folder (images, labels), "
    "or say where the boxes are: --target-file PATH",
    "answers": "name a SQuAD json file, or a table with the columns question, context and answer",
    "texts": "name the column that is to be written with --target, or the file of its lines with --target-file",
    "recordings": "put a .txt file beside each recording, or name a csv or tsv file with a column of files and one of "
    "texts: --target-file PATH",
}
