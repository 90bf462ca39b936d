"""Words that courses and other libraries use, and what they are called here."""

CALLED = " {word} is called {name!r} here."
OTHER_PLACE = " {word} is {what}: {call}."
NO_SUCH = " punar has no {word}; {instead}."
NOT_DONE = "punar does not do {task}; its tasks are {tasks}."
NEAREST = " punar does not do {task}.{instead}"
NOT_DONE_BUT = " The catalogue knows networks that others use for it: {names}. They are features for punar's tasks."

# By part folder: the name that each word stands for.
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "objectives": {
        "reconstruction": (
            "vanilla", "vanilla autoencoder", "ae", "autoencoder", "auto encoder", "plain", "basic", "simple",
            "standard", "undercomplete", "classic", "mse",
        ),
        "variational": ("vae", "beta vae", "variational autoencoder", "betavae", "variational ae"),
        "denoising": ("dae", "denoise", "denoiser", "denoising autoencoder", "denoising ae", "noisy"),
        "sparse": ("sae", "sparse autoencoder", "sparse ae", "l1"),
    },
    "networks": {
        "dense": ("mlp", "fc", "linear", "fully connected", "feed forward", "feedforward", "deep", "stacked"),
        "conv": ("cnn", "convolutional", "convnet", "convolution", "cae", "convolutional autoencoder"),
        "lstm": ("recurrent autoencoder", "seq2seq"),
    },
    "cells": {
        "rnn": ("simple rnn", "simplernn", "vanilla rnn", "vanilla", "elman", "recurrent"),
        "lstm": ("long short term memory",),
        "gru": ("gated recurrent unit",),
        "min_lstm": ("minlstm",),
        "min_gru": ("mingru",),
    },
    "tasks": {
        "classification": (
            "sentiment", "sentiment analysis", "sentiment classification", "classify", "classifier",
            "text classification", "image classification", "audio classification", "binary", "multiclass",
            "spam", "topic", "emotion", "intent", "language identification",
        ),
        "regression": ("regress", "regressor", "predict", "number", "numbers"),
        "multilabel": ("multi label", "multi label classification", "tags"),
        "tagging": (
            "ner", "named entity recognition", "named entities", "pos", "pos tagging", "part of speech",
            "sequence labeling", "sequence labelling", "token classification", "chunking",
        ),
        "forecasting": ("forecast", "time series", "time series forecasting", "prediction of series"),
        "segmentation": ("semantic segmentation", "segment", "image segmentation", "masks"),
        "detection": ("object detection", "detect", "bounding boxes", "boxes"),
        "question_answering": ("qa", "squad", "reading comprehension", "extractive question answering"),
        "translation": ("machine translation", "translate", "mt", "nmt"),
        "speech_recognition": (
            "asr", "stt", "speech to text", "transcription", "transcribe", "automatic speech recognition",
        ),
        "masked_language_modeling": ("mlm", "fill mask", "masked language modelling", "masked words", "cloze"),
    },
    "backbones": {
        "bert-base-uncased": ("bert", "bert base"),
        "bert-base-multilingual-cased": ("mbert", "multilingual bert", "m bert", "bert multilingual"),
        "roberta-base": ("roberta",),
        "xlm-roberta-base": ("xlm r", "xlmr", "xlm roberta", "xlm"),
        "gpt2": ("gpt", "gpt 2"),
        "t5-small": ("t5",),
        "openai/clip-vit-base-patch32": ("clip", "openai clip"),
        "facebook/bart-large-mnli": ("bart", "bart large mnli", "bart mnli"),
        "minilm": ("sentence bert", "sbert", "sentence transformer", "all minilm l6 v2", "mini lm"),
        "facebook/wav2vec2-base": ("wav2vec2", "wav2vec", "wav2vec 2.0", "wav2vec2 base"),
        "openai/whisper-tiny": ("whisper", "whisper tiny"),
        "openai/whisper-base": ("whisper base",),
        "inception_v3": ("inception", "inceptionv3", "inception net"),
        "googlenet": ("inception v1", "inceptionv1"),
        "bn_inception": ("inception v2", "inceptionv2"),
        "timm:inception_v4": ("inceptionv4",),
        "vgg16": ("vgg", "vgg 16", "vggnet"),
        "vgg19": ("vgg 19",),
        "resnet50": ("resnet", "resnet 50"),
        "resnet18": ("resnet 18",),
        "mobilenet_v2": ("mobilenet", "mobilenetv2"),
        "mobilenet_v3_small": ("mobilenetv3",),
    },
}  # fmt: skip

# Words for parts that go elsewhere: what they are, and the call.
ELSEWHERE: dict[str, dict[str, tuple[str, str]]] = {
    "objectives": {
        **dict.fromkeys(
            ("conv", "cnn", "convolutional", "convolutional autoencoder", "cae", "convnet"),
            ("a network", "Autoencoder(network='conv')"),
        ),
        **dict.fromkeys(("dense", "mlp", "deep", "stacked", "linear"), ("a network", "Autoencoder(network='dense')")),
        **dict.fromkeys(
            ("lstm", "recurrent", "rnn", "lstm autoencoder", "seq2seq"), ("a network", "Autoencoder(network='lstm')")
        ),
        "gru": ("a network", "Autoencoder(network='gru')"),
    },
    "networks": {
        **dict.fromkeys(("vae", "variational"), ("an objective", "Autoencoder('variational')")),
        "sparse": ("an objective", "Autoencoder('sparse')"),
        **dict.fromkeys(("denoising", "dae"), ("an objective", "Autoencoder('denoising')")),
        **dict.fromkeys(
            ("bilstm", "bi lstm", "bidirectional lstm"),
            ("a cell that reads both ways", "network=punar.networks.recurrent.Recurrent('lstm', bidirectional=True)"),
        ),
    },
    "cells": {
        **dict.fromkeys(
            ("bilstm", "bi lstm", "bidirectional lstm", "blstm", "bidirectional"),
            ("a cell that reads both ways", "SequenceModel('lstm', bidirectional=True)"),
        ),
        **dict.fromkeys(
            ("bigru", "bi gru", "bidirectional gru"),
            ("a cell that reads both ways", "SequenceModel('gru', bidirectional=True)"),
        ),
        **dict.fromkeys(
            ("birnn", "bi rnn", "bidirectional rnn"),
            ("a cell that reads both ways", "SequenceModel('rnn', bidirectional=True)"),
        ),
        **dict.fromkeys(
            ("stacked lstm", "deep lstm"), ("a cell in several layers", "SequenceModel('lstm', num_layers=2)")
        ),
    },
    "tasks": {
        **dict.fromkeys(
            ("anomaly detection", "anomaly", "outlier detection"),
            ("read off an autoencoder's error", "Autoencoder().fit(X).reconstruction_error(new)"),
        ),
        **dict.fromkeys(
            ("dimensionality reduction", "compression"), ("what an autoencoder does", "Autoencoder().fit_transform(X)")
        ),
        **dict.fromkeys(
            ("feature extraction", "embedding", "embeddings"),
            ("what a frozen network does", "FeatureExtractor('minilm').transform(X)"),
        ),
        **dict.fromkeys(
            ("forecasting", "forecast", "time series", "time series forecasting"),
            ("learned from your own series, without a pretrained network", "SequenceModel(task='forecasting')"),
        ),
        **dict.fromkeys(
            ("zero shot", "zeroshot", "zero shot classification", "zero shot text classification"),
            (
                "a strategy of task='classification'",
                "TransferLearner('minilm', strategy='zero_shot').fit(None, ['sports', 'politics'])",
            ),
        ),
        "imputation": (
            "what a recurrent autoencoder does", "Autoencoder(network='lstm', missing='mask').reconstruct(series)"
        ),
        "denoising": ("an objective", "Autoencoder('denoising')"),
        "reconstruction": ("what an autoencoder learns", "Autoencoder().fit(X).reconstruct(X)"),
        **dict.fromkeys(
            ("fine tuning", "finetuning"), ("a strategy", "TransferLearner(backbone, strategy='fine_tuning')")
        ),
    },
    "backbones": {
        **dict.fromkeys(
            ("yolo", "faster rcnn", "faster r cnn", "retinanet"),
            ("a detector, which stands on a backbone", "TransferLearner('resnet18', task='detection')"),
        ),
        **dict.fromkeys(
            ("unet", "u net", "deeplab", "deeplabv3"),
            ("a decoder, which stands on a backbone", "TransferLearner('resnet18', task='segmentation')"),
        ),
        **dict.fromkeys(
            ("lstm", "gru", "rnn"), ("a cell that learns from your data alone", "SequenceModel('lstm')")
        ),
        "autoencoder": ("an estimator, not a pretrained network", "Autoencoder()"),
        "distilbert": (
            "a name of the hub, with its owner", "punar.backbone('distilbert/distilbert-base-uncased'), where it is "
            "one of BERT's kind; 'minilm' is as small and comes with a package"
        ),
    },
}  # fmt: skip

# What punar has not, and what it has instead.
ABSENT: dict[str, dict[str, str]] = {
    "objectives": {
        "gan": "an autoencoder that makes new rows is Autoencoder('variational')",
        "contractive": "codes that small changes leave alone come from Autoencoder('denoising')",
        "contractive autoencoder": "codes that small changes leave alone come from Autoencoder('denoising')",
        "pca": "every Autoencoder's fit_report_ has it beside, and scikit-learn's is sklearn.decomposition.PCA",
    },
    "cells": {
        "transformer": "pretrained ones are backbones: TransferLearner('minilm')",
        "bert": "pretrained networks are backbones: TransferLearner('bert-base-uncased')",
        "cnn": "convolutions stand beside a cell: SequenceModel('gru', branch='conv')",
        "conv": "convolutions stand beside a cell: SequenceModel('gru', branch='conv')",
    },
    "backbones": dict.fromkeys(
        ("llama", "mistral", "gpt3", "gpt 3", "gpt4", "gpt 4", "chatgpt", "gemini", "claude"),
        "its text networks are encoders of sentences: 'minilm', 'bert-base-uncased', 'gpt2'",
    ),
    "networks": {
        "transformer": "its networks are 'dense', 'conv' and the recurrent cells",
        "unet": "its network for pictures is 'conv'",
    },
}

# Tasks that punar does not do, by what people call them.
UNDONE: dict[str, tuple[str, ...]] = {
    "summarisation": ("summarization", "summarize", "summarise", "summary", "abstractive summarization"),
    "instance segmentation": (),
    "text generation": ("generation", "language modelling", "language modeling", "chat", "chatbot", "completion"),
    "text to speech": ("tts", "speech synthesis"),
    "image generation": ("text to image", "diffusion"),
    "image captioning": ("captioning", "caption", "visual question answering", "vqa"),
    "style transfer": (),
    "clustering": ("cluster",),
    "ranking": ("rank",),
    "reinforcement learning": ("rl",),
    "pose estimation": ("keypoints", "keypoint detection"),
    "super resolution": ("superresolution",),
}  # fmt: skip

# What comes nearest to those.
INSTEAD: dict[str, str] = {
    "summarisation": "Its task='translation' learns to write texts from pairs of texts.",
    "instance segmentation": "task='segmentation' says what each pixel shows, task='detection' where each thing is.",
    "text generation": "It learns from pairs of texts (task='translation'); free writing needs another library.",
    "image captioning": "task='classification' says what a picture shows; writing needs another library.",
    "clustering": "Give the codes of punar.Autoencoder, or features, to sklearn.cluster.KMeans.",
    "ranking": "task='regression' gives a number to each item, by which to sort.",
    "reinforcement learning": "It learns from data that are there, not from trials.",
}

DOMAINS: dict[str, tuple[str, ...]] = {
    "vision": ("cv", "computer vision", "image", "images", "picture", "pictures", "visual"),
    "text": ("nlp", "language", "texts", "natural language processing", "words"),
    "audio": ("speech", "sound", "sounds", "asr", "voice", "recordings"),
}

# Of the catalogue's own words for tasks.
USES: dict[str, tuple[str, ...]] = {
    "text classification": (
        "sentiment", "sentiment analysis", "sentiment classification", "spam", "topic", "classify texts", "intent",
    ),
    "image classification": ("image recognition", "object recognition", "classify images", "picture classification"),
    "audio classification": ("sound classification", "speaker identification", "keyword spotting", "emotion"),
    "zero-shot classification": ("zero shot", "zeroshot", "zero shot text classification"),
    "masked language modeling": ("mlm", "fill mask", "masked language modelling", "masked words", "cloze"),
    "object detection": ("detection", "detect", "bounding boxes", "boxes"),
    "semantic segmentation": ("segmentation", "segment", "image segmentation", "masks"),
    "question answering": ("qa", "squad", "reading comprehension"),
    "speech recognition": ("asr", "stt", "speech to text", "transcription", "transcribe"),
    "translation": ("machine translation", "translate", "mt", "nmt"),
    "named entities": ("ner", "named entity recognition", "tagging", "token classification", "entities", "pos"),
    "semantic search": ("embedding", "embeddings", "similarity", "sentence similarity", "retrieval", "search"),
    "clustering of texts": ("clustering", "topic modelling", "topic modeling"),
}  # fmt: skip
